package main

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/eventstore"
)

// TestSchema_older: under a running node a backup is restored from before a migration. The node says
// what it lacks and takes no orders until it is migrated.
func TestSchema_older(t *testing.T) {
	for name, find := range map[string]func(*testing.T, *node, string){
		"another history": func(_ *testing.T, n *node, _ string) { n.startOver(eventstore.OtherHistory{}) },
		"a probe": func(t *testing.T, _ *node, admin string) {
			code, text := asked(t, http.MethodGet, admin+"/Watchdog_External", "")
			if code != http.StatusServiceUnavailable || !strings.Contains(text, "older than this program needs") {
				t.Errorf("the probe says %d %s", code, text)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { testOlder(t, find) })
	}
}

func testOlder(t *testing.T, find func(*testing.T, *node, string)) {
	path := filepath.Join(t.TempDir(), "t.db")
	if r := call("migrate", "--dsn", path); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	n, _ := startHere(t, path, "--heartbeat", "100ms", "--lease-ttl", "1s")
	ended := make(chan error, 1)
	go func() { ended <- n.run(context.WithoutCancel(t.Context())) }()
	defer func() {
		n.stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	admin, orders := "http://"+n.adminListener.Addr().String(), "http://"+n.apiListener.Addr().String()+"/v1/orders"
	ready := func(code int, words string) {
		t.Helper()
		eventually(t, 20*time.Second, func() (bool, string) {
			got, text := asked(t, http.MethodGet, admin+"/readyz", "")
			return got == code && strings.Contains(text, words), text
		})
	}
	ready(http.StatusOK, "")
	doctor(t, path, `DROP TABLE probes`, `DELETE FROM goose_db_version WHERE version_id = 8`)
	find(t, n, admin)
	ready(http.StatusServiceUnavailable, "orderflow migrate")
	if code, text := asked(t, http.MethodPost, orders, `{}`); code != http.StatusServiceUnavailable {
		t.Errorf("an order is answered %d %s, want 503", code, text)
	}
	if r := call("migrate", "--dsn", path); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	ready(http.StatusOK, "")
	if code, text := asked(t, http.MethodPost, orders, `{}`); code != http.StatusAccepted {
		t.Errorf("after the migration an order is answered %d %s, want 202", code, text)
	}
}
