package main

import (
	"strings"
	"testing"
)

// TestBehind: lists and dry runs say how far the views are behind, unless that is what a projector is anyway.
func TestBehind(t *testing.T) {
	db := database(t)
	if r := call("orders", "place", "--dsn", db); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	const note = "The lists are 1 events behind: "
	commands := [][]string{{"orders", "list"}, {"orders", "list", "--json"}, {"orders", "cancel", "--all", "--reason", "r"}, {"deadletters", "discard", "--all", "--reason", "r"}}
	said := func(want bool) {
		t.Helper()
		for _, c := range commands {
			if r := call(append(c, "--dsn", db)...); r.code != exitDone || strings.Contains(r.stderr, note) != want {
				t.Errorf("%v exits %d and says %q, want %q: %t", c, r.code, r.stderr, note, want)
			}
		}
	}
	doctor(t, db, `DROP TRIGGER events_no_update`, `UPDATE events SET recorded_at = '2099-01-31T12:00:00.000000'`)
	said(false)
	doctor(t, db, `UPDATE events SET recorded_at = '2026-01-31T12:00:00.000000'`)
	said(true)
	if text := call("orders", "cancel", "--all", "--reason", "r", "--json", "--dsn", db).stdout; !strings.Contains(text, `"lag_events": 1`) {
		t.Errorf("as JSON the dry run is %s", text)
	}
}

// TestJobs_refused: a dry run says how many orders the job would do nothing to.
func TestJobs_refused(t *testing.T) {
	db := database(t, "orders place", "orders place")
	if r := call("projections", "rebuild", "--quiet", "--dsn", db); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	const note = "of them would be refused as they are now"
	if r := call("orders", "retry", "--all", "--reason", "r", "--dsn", db); !strings.Contains(r.stderr, "2 "+note) || strings.Contains(r.stderr, "--confirm") {
		t.Errorf("the dry run of a retry says %s", r.stderr)
	}
	doctor(t, db, `UPDATE orders SET status = 'Completed' WHERE order_id = (SELECT MIN(order_id) FROM orders)`)
	if r := call("orders", "cancel", "--all", "--reason", "r", "--dsn", db); !strings.Contains(r.stderr, "1 "+note) || !strings.Contains(r.stderr, "--confirm 2") {
		t.Errorf("the dry run of a cancel says %s", r.stderr)
	}
	if text := call("orders", "cancel", "--all", "--reason", "r", "--json", "--dsn", db).stdout; !strings.Contains(text, `"refused": 1,`) {
		t.Errorf("as JSON the dry run is %s", text)
	}
}
