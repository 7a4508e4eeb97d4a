package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestSchema_older: under a running node a backup is restored from before a migration. The node says
// what it lacks and takes no orders until it is migrated.
func TestSchema_older(t *testing.T) {
	for name, c := range map[string]struct {
		restored []string // beside the schema
		ask      string   // of the admin interface, which has the node look
	}{
		"another history": {restored: []string{`DROP TRIGGER events_no_delete`, `DELETE FROM events`}},
		"a probe":         {ask: "/Watchdog_External"},
	} {
		t.Run(name, func(t *testing.T) {
			path := database(t)
			n := runHere(t, path, "--roles", "api,projector")
			n.untilReadyz(http.StatusOK, "")
			if code, text := n.place(`{}`); code != http.StatusAccepted {
				t.Errorf("an order is answered %d %s, want 202", code, text)
			}
			doctor(t, path, append(c.restored, `DROP TABLE probes`, `DELETE FROM goose_db_version WHERE version_id >= 8`)...)
			if c.ask != "" {
				if code, text := n.ask(http.MethodGet, n.Addresses().AdminURL()+c.ask, ""); code != http.StatusServiceUnavailable || !strings.Contains(text, "older than this program needs") {
					t.Errorf("the probe says %d %s", code, text)
				}
			}
			n.untilReadyz(http.StatusServiceUnavailable, "orderflow migrate")
			if code, text := n.place(`{}`); code != http.StatusServiceUnavailable {
				t.Errorf("an order is answered %d %s, want 503", code, text)
			}
			if r := call("migrate", "--dsn", path); r.code != exitDone {
				t.Fatal(r.stderr)
			}
			n.untilReadyz(http.StatusOK, "")
			if code, text := n.place(`{}`); code != http.StatusAccepted {
				t.Errorf("after the migration an order is answered %d %s, want 202", code, text)
			}
		})
	}
}
