package main

import (
	"strings"
	"testing"
)

// TestProtection_dropped: check, migrate --status and the start of a node name a trigger that is
// gone.
func TestProtection_dropped(t *testing.T) {
	path := database(t, "migrate --status", "check")
	if n := makeHere(t, path); strings.Contains(n.logged.String(), "not as it was made") {
		t.Errorf("a node warns of a whole schema\n%s", n.logged)
	}
	doctor(t, path, `DROP TRIGGER events_no_delete`)
	const names = "trigger events_no_delete of table events is missing"
	for _, args := range [][]string{{"migrate", "--status", "--dsn", path}, {"check", "--dsn", path}} {
		if r := call(args...); r.code != exitFailed || !strings.Contains(r.stdout+r.stderr, names) {
			t.Errorf("%v exited %d, want 1 and %q\n%s%s", args, r.code, names, r.stdout, r.stderr)
		}
	}
	if n := makeHere(t, path); !strings.Contains(n.logged.String(), names) {
		t.Errorf("the log of a node does not say %q\n%s", names, n.logged)
	}
}
