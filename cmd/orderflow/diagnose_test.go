package main

import (
	"strings"
	"testing"

	"orderflow/handlers/diagnosis"
)

// TestOrdersDiagnose looks at what the command prints, and at its exit codes, where no node is alive.
func TestOrdersDiagnose(t *testing.T) {
	db := database(t)
	id := strings.TrimSpace(call("orders", "place", "--dsn", db).stdout)
	diagnosed := func(code int, says ...string) {
		t.Helper()
		r := call("orders", "diagnose", id, "--dsn", db)
		for _, text := range says {
			if !strings.Contains(r.stdout, text) {
				t.Errorf("it does not say %q:\n%s%s", text, r.stdout, r.stderr)
			}
		}
		if r.code != code {
			t.Errorf("it exits %d, want %d:\n%s%s", r.code, code, r.stdout, r.stderr)
		}
	}
	diagnosed(exitDone, "Blocked (no_worker_alive): no node is alive that works on orders.\n", "since: ", "\nevidence:    message workers:scheduling/0/1\n",
		"\nnext:        nothing happens by itself\n", "\nyou can:     orderflow serve --roles worker --dsn "+db+" # starts", "\nas of: ")
	doctor(t, db, `DELETE FROM outbox`)
	diagnosed(exitDone, "Blocked (no_worker_alive)", "\nalso:        message_missing\n")
	doctor(t, db, `DROP TRIGGER events_no_update`, `UPDATE events SET data = '{"detail":"\u001b[2J"}'`)
	diagnosed(exitFailed, "Inconsistent (chain_broken): ", "also:        no_worker_alive, message_missing\n", "evidence:    event 1: its hash does not fit")
	doctor(t, db, `UPDATE events SET type = 'Order'||char(27)||'[2J'`)
	diagnosed(exitFailed, `\u001b[2J`)
	id = "01890000-0000-7000-8000-000000000000"
	diagnosed(exitFailed, "Unknown (unknown_order): there is no order of this id.\n", "orders list --tracking-id")
}

// TestOrdersDiagnose_all looks at what the command prints of all open orders, and at what it refuses.
func TestOrdersDiagnose_all(t *testing.T) {
	db := database(t)
	if r := call("orders", "diagnose", "--all", "--dsn", db); r.code != exitDone || !strings.Contains(r.stdout, "\nopen orders looked at: 0, as of ") {
		t.Errorf("without orders it exits %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
	var id string
	for range 4 {
		id = strings.TrimSpace(call("orders", "place", "--dsn", db).stdout)
	}
	r := call("orders", "diagnose", "--all", "--dsn", db)
	if lines := strings.Split(r.stdout, "\n"); r.code != exitDone || len(lines) < 4 || !strings.HasPrefix(lines[1], "4       no_worker_alive  blocked  2") ||
		strings.Contains(lines[1], id) || !strings.HasPrefix(lines[3], "open orders looked at: 4, as of ") || !strings.Contains(lines[4], "orders diagnose 0") {
		t.Errorf("it exits %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
	var s diagnosis.Survey
	decode(t, must(t, "orders", "diagnose", "--all", "--limit", "1", "--json", "--dsn", db), &s)
	if len(s.Reasons) != 1 || s.Looked != 4 || len(s.Reasons[0].Examples) != 3 {
		t.Errorf("it is %+v", s)
	}
	for _, wrong := range [][]string{{}, {"--all", id}, {id, "--limit", "1"}, {"--all", "--limit", "-1"}} {
		if r := call(append([]string{"orders", "diagnose", "--dsn", db}, wrong...)...); r.code != exitUsage {
			t.Errorf("%v: it exits %d: %s", wrong, r.code, r.stderr)
		}
	}
}

// TestOrdersList_reason lists the orders of a reason, by the survey of a node that looks for all.
func TestOrdersList_reason(t *testing.T) {
	db := database(t)
	if r := call("orders", "list", "--reason", "no_worker_alive", "--dsn", db); r.code != exitDone || !strings.Contains(r.stderr, "No node has surveyed") {
		t.Errorf("before a survey it exits %d: %s%s", r.code, r.stdout, r.stderr)
	}
	a, b := strings.TrimSpace(call("orders", "place", "--dsn", db).stdout), strings.TrimSpace(call("orders", "place", "--dsn", db).stdout)
	doctor(t, db, `INSERT INTO figures (name, as_of, node, content) VALUES ('diagnoses', '2026-01-31T12:00:00.000000', 'n', '{}')`,
		`INSERT INTO diagnoses (order_id, reason, verdict, since) SELECT stream_id, 'no_worker_alive', 'blocked', recorded_at FROM events`)
	r := call("orders", "list", "--reason", "no_worker_alive", "--limit", "1", "--dsn", db)
	if r.code != exitDone || !strings.Contains(r.stdout, a) || strings.Contains(r.stdout, b) || !strings.Contains(r.stderr, "As of 2026-01-31 12:00:00") || !strings.Contains(r.stderr, "--cursor "+a) {
		t.Errorf("it exits %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if r := call("orders", "list", "--reason", "no_worker_alive", "--cursor", a, "--dsn", db); !strings.Contains(r.stdout, b) || strings.Contains(r.stdout, a) {
		t.Errorf("the page after it is %s%s", r.stdout, r.stderr)
	}
	for reason, want := range map[string]bool{"running": true, "parked": false} {
		if r := call("orders", "list", "--reason", reason, "--dsn", db); strings.Contains(r.stderr, "for 15 s: ") != want {
			t.Errorf("of those that are %s it says %s", reason, r.stderr)
		}
	}
	for _, wrong := range [][]string{{"--reason", "late"}, {"--reason", "parked", "--status", "Parked"}} {
		if r := call(append([]string{"orders", "list", "--dsn", db}, wrong...)...); r.code != exitUsage {
			t.Errorf("%v: it exits %d: %s", wrong, r.code, r.stderr)
		}
	}
}
