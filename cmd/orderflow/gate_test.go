package main

import (
	"net/http"
	"strings"
	"testing"

	"orderflow/schema"
)

// registered is how many nodes have ever been.
func registered(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM nodes`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestGate: a node that meets checkpoints and offsets beyond the end of the log says so, does nothing,
// and begins when both have been mended.
func TestGate(t *testing.T) {
	path := database(t, "orders place --tracking-id t-1")
	doctor(t, path, `UPDATE checkpoints SET position = 11`, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES ('workers', 'scheduling', 0, 11)`)
	if r := call("projections", "status", "--dsn", path); r.code != exitFailed || !strings.Contains(r.stdout, "10 beyond the head") {
		t.Errorf("projections status exited %d, want 1 and 10 beyond the head\n%s", r.code, r.stdout)
	}
	if r := call("offsets", "list", "--dsn", path); r.code != exitFailed || !strings.Contains(r.stdout, "workers") {
		t.Errorf("offsets list exited %d, want 1\n%s", r.code, r.stdout)
	}

	n := runHere(t, path)
	for _, part := range []string{"the checkpoint of orders is at position 11 of partition 0, and the log ends at 1", "the offset of workers:scheduling",
		`orderflow projections rebuild`, `orderflow offsets reset`} {
		if code, text := n.readyz(); code != http.StatusServiceUnavailable || !strings.Contains(text, part) {
			t.Errorf("/readyz %d %s, want 503 and %q", code, text, part)
		}
		if !strings.Contains(n.logged.String(), strings.Trim(part, `"`)) {
			t.Errorf("the log has no %q\n%s", part, n.logged)
		}
	}
	if code, text := n.place(`{}`); code != http.StatusServiceUnavailable {
		t.Errorf("an order is answered %d %s, want 503", code, text)
	}
	if registered(t, path) != 0 {
		t.Error("the node registered")
	}

	if r := call("projections", "rebuild", "--quiet", "--dsn", path); r.code != exitDone || !strings.Contains(r.stdout, "1 checkpoints beyond the head") {
		t.Errorf("the rebuild exited %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if code, text := n.readyz(); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz %d %s with the offset still beyond, want 503", code, text)
	}
	if r := call("offsets", "reset", "--dsn", path); r.code != exitDone || !strings.Contains(r.stdout, "1 offsets") {
		t.Errorf("the reset exited %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	n.untilReadyz(http.StatusOK, "")
	eventually(t, func() (bool, string) {
		r := call("orders", "list", "--status", "Completed", "--json", "--dsn", path)
		return strings.Contains(r.stdout, "t-1") || strings.Contains(r.stdout, "Failed"), r.stdout + r.stderr
	})
}

// TestGate_endCutOff cuts off the newest order. A node does nothing, check names what is wrong, and after
// the reset new orders run to their ends at the positions of the old.
func TestGate_endCutOff(t *testing.T) {
	cut := []string{`DROP TRIGGER events_no_delete`, `DROP TRIGGER reservations_no_delete`, `DELETE FROM events WHERE position = 2`,
		`DELETE FROM reservations WHERE order_id NOT IN (SELECT stream_id FROM events)`}
	for name, c := range map[string]struct{ head, ready, check, reset string }{
		"with its head":    {`UPDATE heads SET head = 1 WHERE partition = 0`, "the message of scheduling is at position 2 of partition 0, and the log ends at 1", "beyond: ", "0 heads"},
		"without its head": {`UPDATE heads SET head = 2 WHERE partition = 0`, "the head is at position 2 of partition 0, and the log ends at 1", "hole: ", "1 heads"},
	} {
		t.Run(name, func(t *testing.T) {
			path := database(t, "orders place --tracking-id t-1", "orders place --tracking-id t-2")
			doctor(t, path, append(cut, c.head)...)
			n := runHere(t, path)
			if code, text := n.readyz(); code != http.StatusServiceUnavailable || !strings.Contains(text, c.ready) || !strings.Contains(text, "orderflow offsets reset") {
				t.Errorf("/readyz %d %s, want 503 and %q", code, text, c.ready)
			}
			if code, text := n.place(`{}`); code != http.StatusServiceUnavailable || registered(t, path) != 0 {
				t.Errorf("an order is answered %d %s, want 503 and no registration", code, text)
			}
			if r := call("check", "--quiet", "--dsn", path); r.code != exitFailed || !strings.Contains(r.stdout, c.check) || !strings.Contains(r.stdout, "orderflow offsets reset") {
				t.Errorf("check exited %d, want 1 and %q\n%s", r.code, c.check, r.stdout)
			}
			if r := call("offsets", "reset", "--dsn", path); r.code != exitDone || !strings.Contains(r.stdout, c.reset) || !strings.Contains(r.stdout, "1 messages and 0 dead letters were removed") {
				t.Errorf("the reset exited %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			n.untilReadyz(http.StatusOK, "")
			if code, text := n.place(`{"tracking_id":"t-3"}`); code != http.StatusAccepted {
				t.Errorf("an order is answered %d %s, want 202", code, text)
			}
			eventually(t, func() (bool, string) {
				r := call("orders", "list", "--status", "Completed", "--json", "--dsn", path)
				return strings.Contains(r.stdout, "t-1") && strings.Contains(r.stdout, "t-3"), r.stdout + r.stderr
			})
			doctor(t, path, `CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END`, `CREATE TRIGGER reservations_no_delete BEFORE DELETE ON reservations
BEGIN
    SELECT RAISE(ABORT, 'reservations are append-only');
END`)
			if r := call("check", "--quiet", "--dsn", path); r.code != exitDone {
				t.Errorf("check exited %d\n%s%s", r.code, r.stdout, r.stderr)
			}
		})
	}
}

// TestGate_warned: what keeps no node from working is said in its log.
func TestGate_warned(t *testing.T) {
	path := database(t, "orders place --tracking-id t-1", "projections rebuild")
	doctor(t, path, `DROP TRIGGER reservations_no_delete`, `DELETE FROM reservations`, `UPDATE checkpoints SET counts = '{"Pending":3}'`)
	n := runHere(t, path, "--roles", "api")
	for _, want := range []string{"the views count 3 orders as Pending, and there are 1", "has a tracking id and no reservation of it"} {
		n.untilLogged(want)
	}
	n.untilReadyz(http.StatusOK, "")
}

// TestCheck_endCutOff takes the newest order out of log, head and view. What was left behind shows it.
func TestCheck_endCutOff(t *testing.T) {
	path := filled(t, 10)
	for _, args := range [][]string{{"orders", "place", "--dsn", path, "--tracking-id", "newest"}, {"projections", "rebuild", "--quiet", "--dsn", path}, {"check", "--quiet", "--dsn", path}} {
		if r := call(args...); r.code != exitDone {
			t.Fatalf("%v exited %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
	}
	const newest = `(SELECT stream_id FROM events ORDER BY position DESC LIMIT 1)`
	doctor(t, path, `DROP TRIGGER events_no_delete`, `CREATE TABLE gone AS SELECT `+newest+` AS id`,
		`UPDATE heads SET head = head - (SELECT COUNT(*) FROM events WHERE stream_id = (SELECT id FROM gone)) WHERE partition = 0`,
		`DELETE FROM events WHERE stream_id = (SELECT id FROM gone)`, `DELETE FROM orders WHERE order_id = (SELECT id FROM gone)`, `DROP TABLE gone`)
	r := call("check", "--quiet", "--dsn", path)
	for _, want := range []string{"beyond: partition 0, position", "the checkpoint of orders is at position", "the message of scheduling is at position", "its order is not in the log", "view: counts Pending"} {
		if r.code != exitFailed || !strings.Contains(r.stdout, want) || strings.Contains(r.stdout, "hole") {
			t.Errorf("check exited %d, want 1 and %q\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	if r := call("projections", "verify", "--quiet", "--dsn", path); r.code != exitFailed || !strings.Contains(r.stdout, "1 checkpoints beyond the head") {
		t.Errorf("verify exited %d\n%s", r.code, r.stdout)
	}
}
