package main

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCounts_damaged: counts that cannot be read are named by all commands that meet them, a node with
// the role projector is not ready and says what mends it, and a rebuild does.
func TestCounts_damaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	for _, args := range [][]string{{"migrate", "--dsn", path}, {"orders", "place", "--dsn", path, "--tracking-id", "t-1"}, {"projections", "rebuild", "--dsn", path}} {
		if r := call(args...); r.code != exitDone {
			t.Fatalf("%v exited %d\n%s", args, r.code, r.stderr)
		}
	}
	doctor(t, path, `UPDATE checkpoints SET counts = '[]' WHERE projection = 'orders'`)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"check", "--quiet"}, `view: unreadable counts of partition 0: the view says "[]"`},
		{[]string{"projections", "verify", "--quiet"}, "1 counts wrong"},
		{[]string{"projections", "status"}, `"orderflow projections rebuild" makes them anew`},
	} {
		r := call(append(c.args, "--dsn", path)...)
		if r.code != exitFailed || !strings.Contains(r.stdout+r.stderr, c.want) || strings.Contains(r.stdout+r.stderr, "damaged") {
			t.Errorf("%v exited %d, want 1 and %q\n%s%s", c.args, r.code, c.want, r.stdout, r.stderr)
		}
	}

	n, logged := startHere(t, path, "--heartbeat", "100ms", "--lease-ttl", "1s", "--roles", "api,projector")
	ended := make(chan error, 1)
	go func() { ended <- n.run(context.WithoutCancel(t.Context())) }()
	defer func() {
		n.stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	ready := func(code int, words string) {
		t.Helper()
		eventually(t, 20*time.Second, func() (bool, string) {
			got, text := asked(t, http.MethodGet, "http://"+n.adminListener.Addr().String()+"/readyz", "")
			return got == code && strings.Contains(text, words), text
		})
	}
	ready(http.StatusServiceUnavailable, "the counts in the checkpoint of orders, partition 0, cannot be read")
	eventually(t, 10*time.Second, func() (bool, string) {
		return strings.Contains(logged.String(), "the counts of partition 0 cannot be read"), logged.String()
	})
	if r := call("projections", "rebuild", "--quiet", "--dsn", path); r.code != exitDone || !strings.Contains(r.stdout, "1 counts wrong") {
		t.Errorf("the rebuild exited %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	ready(http.StatusOK, "")
	if r := call("check", "--quiet", "--dsn", path); r.code != exitDone {
		t.Errorf("check exited %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}
