package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
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
		"what is wanted":  {},
		"a probe":         {ask: "/Watchdog_External"},
	} {
		t.Run(name, func(t *testing.T) {
			path := database(t)
			n := runHere(t, path, "--roles", "api,projector")
			n.untilReadyz(http.StatusOK, "")
			if code, text := n.place(`{}`); code != http.StatusAccepted {
				t.Errorf("an order is answered %d %s, want 202", code, text)
			}
			doctor(t, path, append(c.restored, undone(t, 8)...)...)
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

// TestSchema_olderCommands: a command that fails on a schema from before a migration says which ones are missing.
func TestSchema_olderCommands(t *testing.T) {
	path := database(t)
	doctor(t, path, undone(t, 10)...)
	for _, command := range []string{"orders list", "orders diagnose --all", "status", "alarms list", "jobs list", "operations list"} {
		if r := call(append(strings.Fields(command), "--dsn", path)...); r.code == exitDone || !strings.Contains(r.stderr, `run "orderflow migrate --dsn `+path) {
			t.Errorf("%s exits %d and says %s%s", command, r.code, r.stdout, r.stderr)
		}
	}
}

// undone are the statements that take from a SQLite file what the migrations from a number on have added.
func undone(t *testing.T, from int) (statements []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "schema", "migrations", "sqlite", "*.sql"))
	if err != nil || len(files) < from {
		t.Fatalf("%d migrations, err %v", len(files), err)
	}
	for _, file := range files[from-1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^CREATE (INDEX|TABLE) (\w+)`).FindAllStringSubmatch(string(text), -1) {
			statements = append([]string{"DROP " + m[1] + " " + m[2]}, statements...)
		}
		for _, m := range regexp.MustCompile(`(?m)^ALTER TABLE (\w+) ADD COLUMN (\w+)`).FindAllStringSubmatch(string(text), -1) {
			statements = append(statements, "ALTER TABLE "+m[1]+" DROP COLUMN "+m[2])
		}
	}
	return append(statements, fmt.Sprintf("DELETE FROM goose_db_version WHERE version_id >= %d", from))
}
