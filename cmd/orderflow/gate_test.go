package main

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/schema"
)

// asked is the answer of a node in this process.
func asked(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

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
	path := filepath.Join(t.TempDir(), "t.db")
	for _, args := range [][]string{{"migrate", "--dsn", path}, {"orders", "place", "--dsn", path, "--tracking-id", "t-1"}} {
		if r := call(args...); r.code != exitDone {
			t.Fatalf("%v exited %d\n%s", args, r.code, r.stderr)
		}
	}
	doctor(t, path, `UPDATE checkpoints SET position = 11`, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES ('workers', 'scheduling', 0, 11)`)
	if r := call("projections", "status", "--dsn", path); r.code != exitFailed || !strings.Contains(r.stdout, "10 beyond the head") {
		t.Errorf("projections status exited %d, want 1 and 10 beyond the head\n%s", r.code, r.stdout)
	}
	if r := call("offsets", "list", "--dsn", path); r.code != exitFailed || !strings.Contains(r.stdout, "workers") {
		t.Errorf("offsets list exited %d, want 1\n%s", r.code, r.stdout)
	}

	n, logged := startHere(t, path, "--heartbeat", "100ms", "--lease-ttl", "1s", "--step-duration", "1ms", "--step-failure-rate", "0")
	ended := make(chan error, 1)
	go func() { ended <- n.run(context.WithoutCancel(t.Context())) }()
	defer func() {
		n.stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	admin, api := "http://"+n.adminListener.Addr().String(), "http://"+n.apiListener.Addr().String()
	for _, part := range []string{"the checkpoint of orders is at position 11 of partition 0, and the log ends at 1", "the offset of workers:scheduling",
		`orderflow projections rebuild`, `orderflow offsets reset`} {
		if code, text := asked(t, http.MethodGet, admin+"/readyz", ""); code != http.StatusServiceUnavailable || !strings.Contains(text, part) {
			t.Errorf("/readyz %d %s, want 503 and %q", code, text, part)
		}
		if !strings.Contains(logged.String(), strings.Trim(part, `"`)) {
			t.Errorf("the log has no %q\n%s", part, logged)
		}
	}
	if code, text := asked(t, http.MethodPost, api+"/v1/orders", `{}`); code != http.StatusServiceUnavailable {
		t.Errorf("an order is answered %d %s, want 503", code, text)
	}
	if registered(t, path) != 0 {
		t.Error("the node registered")
	}

	if r := call("projections", "rebuild", "--quiet", "--dsn", path); r.code != exitDone || !strings.Contains(r.stdout, "1 checkpoints beyond the head") {
		t.Errorf("the rebuild exited %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if code, text := asked(t, http.MethodGet, admin+"/readyz", ""); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz %d %s with the offset still beyond, want 503", code, text)
	}
	if r := call("offsets", "reset", "--dsn", path); r.code != exitDone || !strings.Contains(r.stdout, "1 offsets") {
		t.Errorf("the reset exited %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	eventually(t, 10*time.Second, func() (bool, string) {
		code, text := asked(t, http.MethodGet, admin+"/readyz", "")
		return code == http.StatusOK, text
	})
	eventually(t, 20*time.Second, func() (bool, string) {
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
			path := filepath.Join(t.TempDir(), "t.db")
			for _, args := range [][]string{{"migrate", "--dsn", path}, {"orders", "place", "--dsn", path, "--tracking-id", "t-1"}, {"orders", "place", "--dsn", path, "--tracking-id", "t-2"}} {
				if r := call(args...); r.code != exitDone {
					t.Fatalf("%v exited %d\n%s", args, r.code, r.stderr)
				}
			}
			doctor(t, path, append(cut, c.head)...)
			n, _ := startHere(t, path, "--heartbeat", "100ms", "--lease-ttl", "1s", "--step-duration", "1ms", "--step-failure-rate", "0")
			ended := make(chan error, 1)
			go func() { ended <- n.run(context.WithoutCancel(t.Context())) }()
			defer func() {
				n.stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
			admin, api := "http://"+n.adminListener.Addr().String(), "http://"+n.apiListener.Addr().String()
			if code, text := asked(t, http.MethodGet, admin+"/readyz", ""); code != http.StatusServiceUnavailable || !strings.Contains(text, c.ready) || !strings.Contains(text, "orderflow offsets reset") {
				t.Errorf("/readyz %d %s, want 503 and %q", code, text, c.ready)
			}
			if code, text := asked(t, http.MethodPost, api+"/v1/orders", `{}`); code != http.StatusServiceUnavailable || registered(t, path) != 0 {
				t.Errorf("an order is answered %d %s, want 503 and no registration", code, text)
			}
			if r := call("check", "--quiet", "--dsn", path); r.code != exitFailed || !strings.Contains(r.stdout, c.check) || !strings.Contains(r.stdout, "orderflow offsets reset") {
				t.Errorf("check exited %d, want 1 and %q\n%s", r.code, c.check, r.stdout)
			}
			if r := call("offsets", "reset", "--dsn", path); r.code != exitDone || !strings.Contains(r.stdout, c.reset) || !strings.Contains(r.stdout, "1 messages and 0 dead letters were removed") {
				t.Errorf("the reset exited %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			eventually(t, 10*time.Second, func() (bool, string) {
				code, text := asked(t, http.MethodGet, admin+"/readyz", "")
				return code == http.StatusOK, text
			})
			if code, text := asked(t, http.MethodPost, api+"/v1/orders", `{"tracking_id":"t-3"}`); code != http.StatusAccepted {
				t.Errorf("an order is answered %d %s, want 202", code, text)
			}
			eventually(t, 20*time.Second, func() (bool, string) {
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
	path := filepath.Join(t.TempDir(), "t.db")
	for _, args := range [][]string{{"migrate", "--dsn", path}, {"orders", "place", "--dsn", path, "--tracking-id", "t-1"}, {"projections", "rebuild", "--dsn", path}} {
		if r := call(args...); r.code != exitDone {
			t.Fatalf("%v exited %d\n%s", args, r.code, r.stderr)
		}
	}
	doctor(t, path, `DROP TRIGGER reservations_no_delete`, `DELETE FROM reservations`, `UPDATE checkpoints SET counts = '{"Pending":3}'`)
	n, logged := startHere(t, path, "--roles", "api")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.lookOnce(ctx) }()
	for _, want := range []string{"the views count 3 orders as Pending, and there are 1", "has a tracking id and no reservation of it"} {
		eventually(t, 10*time.Second, func() (bool, string) { return strings.Contains(logged.String(), want), logged.String() })
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n.gate.closed() != nil {
		t.Errorf("the node does not start: %v", n.gate.closed())
	}
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
