package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/schema"
)

// elsewhere are ways to run a process that cannot read the clock of the others.
var elsewhere = map[string][]string{
	"without a boot id":         {"unshare", "--mount", "sh", "-c", `mount -t proc -o subset=pid proc /proc && exec "$0" "$@"`},
	"in another time namespace": {"unshare", "--time", "--boottime", "100000", "--fork", "--kill-child"},
}

// TestE2E_Clock runs commands and nodes beside a node whose lease clock they cannot read.
func TestE2E_Clock(t *testing.T) {
	t.Parallel()
	for name, how := range elsewhere {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, err := exec.Command(how[0], append(how[1:len(how):len(how)], "true")...).CombinedOutput(); err != nil {
				t.Skipf("SKIPPED: PROCESSES WITH ANOTHER CLOCK ARE NOT TESTED. %q: %v %s", how, err, out)
			}
			dsn := filepath.Join(t.TempDir(), "orders.db")
			node := start(t, dsn, "--step-duration", "10ms", "--step-failure-rate", "0", "--watchdog-every", "0s") // which would warn of a full disk
			clock := storedClock(t, dsn)

			for _, looks := range []string{"nodes list", "orders list", "deadletters list", "projections status", "check", "migrate", "orders place --tracking-id x"} {
				r := away(t, how, append(strings.Fields(looks), "--dsn", dsn)...)
				if r.code != exitDone {
					t.Errorf("%s exited %d: %s%s", looks, r.code, r.stdout, r.stderr)
				}
				if looks == "nodes list" && (!strings.Contains(r.stderr, "cannot be read from here") || !strings.Contains(r.stdout, node.Node)) {
					t.Errorf("nodes list says %s%s", r.stdout, r.stderr)
				}
			}
			r := away(t, how, "serve", "--dsn", dsn, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
			if r.code != exitFailed || !strings.Contains(r.stderr, node.Node) || !strings.Contains(r.stderr, "leases in this file are judged by another clock") {
				t.Errorf("a node with another clock exited %d, want 1 and the node that lives named\n%s", r.code, r.stderr)
			}
			if now := storedClock(t, dsn); now != clock {
				t.Errorf("the clock was moved from %s to %s", clock, now)
			}
			node.untilEnded(1)
			if text := node.Log(); strings.Contains(text, "level=warning") {
				t.Errorf("the node was disturbed:\n%s", text)
			}
		})
	}
}

// away runs one command to its end as a process that is elsewhere.
func away(t *testing.T, how []string, args ...string) result {
	t.Helper()
	all := append(append(append([]string(nil), how[1:]...), program(t)), args...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return finish(t, exec.CommandContext(ctx, how[0], all...))
}

func storedClock(t *testing.T, path string) (stored string) {
	t.Helper()
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), `SELECT boot || ' ' || anchor FROM lease_clock`).Scan(&stored); err != nil {
		t.Fatal(err)
	}
	return stored
}
