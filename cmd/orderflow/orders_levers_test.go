package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"orderflow/handlers/operate"
)

// pulled runs a lever on an order, which must succeed, and gives its answer.
func pulled(t *testing.T, path string, args ...string) (r operate.Retried) {
	t.Helper()
	got := call(append(args, "--dsn", path, "--json", "--reason", "a test", "--actor", "ann")...)
	if got.code != exitDone {
		t.Fatalf("%v exited %d\n%s%s", args, got.code, got.stdout, got.stderr)
	}
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// refused runs a lever that must fail for a reason.
func refused(t *testing.T, path, says string, args ...string) {
	t.Helper()
	if r := call(append(args, "--dsn", path, "--reason", "a test")...); r.code != exitFailed || !strings.Contains(r.stderr, says) {
		t.Errorf("%v exited %d, want 1 and %q\n%s", args, r.code, says, r.stderr)
	}
}

// TestOrderLevers cancels an order whose step runs, without and with patience, and retries it.
func TestOrderLevers(t *testing.T) {
	path := database(t)
	id := strings.TrimSpace(call("orders", "place", "--dsn", path, "--tracking-id", "T", "--detail", `{"n":1}`).stdout)
	refused(t, path, "orders can be cancelled when every node of the cluster reads events of level 3", "orders", "cancel", id)
	for does, says := range map[string]string{"cancel": "orders can be cancelled when", "retry": "orders can be tried again when"} {
		refused(t, path, says+" every node of the cluster reads events of level 3", "orders", does, "--all", "--confirm", "1")
	}
	if jobs := said(t, "jobs", "list", "--json", "--dsn", path); !strings.Contains(jobs, `"jobs": []`) && !strings.Contains(jobs, `"jobs":[]`) {
		t.Errorf("there are jobs that nobody may do: %s", jobs)
	}
	n := runHere(t, path, "--step-duration", "1h", "--step-timeout", "2h")
	n.untilReadyz(http.StatusOK, "")
	n.untilLogged("every node reads the newest forms of events")
	until(t, path, "Running", "orders", "get", id)
	refused(t, path, "is at version 2, and not at 1", "orders", "cancel", id, "--if-version", "1")
	refused(t, path, "the order is not parked", "orders", "fail", id)
	refused(t, path, "before it has ended", "orders", "retry", id)
	if a := pulled(t, path, "orders", "cancel", id, "--if-version", "2"); a.Status != "Scheduling" || !strings.Contains(a.Next, "runs to its end") {
		t.Errorf("the answer is %+v", a)
	}
	refused(t, path, "asked for already", "orders", "cancel", id)
	if a := pulled(t, path, "orders", "cancel", id, "--now"); !strings.Contains(a.Next, "is cut short") {
		t.Errorf("the answer is %+v", a)
	}
	until(t, path, "Cancelled", "orders", "get", id)
	if events := call("orders", "events", id, "--dsn", path).stdout; !strings.Contains(events, "cut short by operator:ann, who cancels the order: a test") {
		t.Errorf("the history does not say who cut the step short\n%s", events)
	}
	refused(t, path, "the order has ended (it is Cancelled", "orders", "cancel", id)

	again := pulled(t, path, "orders", "retry", id)
	if again.Repeated || again.OrderID.String() == id || again.RetryOf.String() != id {
		t.Errorf("retried as %+v", again)
	}
	if second := pulled(t, path, "orders", "retry", id); !second.Repeated || second.OrderID != again.OrderID {
		t.Errorf("retried again as %+v, want order %s", second, again.OrderID)
	}
	until(t, path, "Running", "orders", "get", again.OrderID.String())
	until(t, path, "new try of order "+id, "orders", "get", again.OrderID.String())
	url := n.Addresses().AdminURL() + "/v1/orders/" + again.OrderID.String() + "/cancel"
	if code, text := n.ask(http.MethodPost, url, `{"reason":"a test","now":true}`); code != http.StatusAccepted || !strings.Contains(text, "is cut short") {
		t.Errorf("POST %s: %d %s", url, code, text)
	}
	until(t, path, "Cancelled", "orders", "get", again.OrderID.String())
	if code, text := n.place(`{"tracking_id":"T","detail":{"n":1}}`); code != http.StatusAccepted || !strings.Contains(text, id) {
		t.Errorf("the tracking id names another order: %d %s", code, text)
	}
	if r := call("check", "--dsn", path); r.code != exitDone {
		t.Errorf("check exited %d\n%s", r.code, r.stdout)
	}
}

// TestOrderLevers_parked cancels and fails parked orders.
func TestOrderLevers_parked(t *testing.T) {
	path := database(t)
	n := runHere(t, path, "--step-duration", "1h", "--step-timeout", "10ms", "--max-interruptions", "1")
	n.untilReadyz(http.StatusOK, "")
	n.untilLogged("every node reads the newest forms of events")
	for range 3 {
		if code, text := n.place(`{}`); code != http.StatusAccepted {
			t.Fatal(text)
		}
	}
	var letters []operate.Letter
	eventually(t, func() (bool, string) {
		out := call("deadletters", "list", "--dsn", path, "--json").stdout
		return json.Unmarshal([]byte(out), &letters) == nil && len(letters) == 3, out
	})
	pulled(t, path, "orders", "cancel", letters[0].OrderID)
	pulled(t, path, "orders", "fail", letters[1].OrderID)
	out := call("deadletters", "fail", letters[2].Letter, "--dsn", path, "--reason", "a test")
	if out.code != exitDone || !strings.Contains(out.stdout, "rolls back Scheduling, last first, and the order ends Failed") {
		t.Errorf("deadletters fail exited %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	refused(t, path, "not found", "deadletters", "fail", letters[2].Letter)
	for i, status := range []string{"Cancelled", "Failed", "Failed"} {
		until(t, path, status, "orders", "get", letters[i].OrderID)
	}
	if left := strings.TrimSpace(call("deadletters", "list", "--dsn", path, "--json").stdout); left != "[]" {
		t.Errorf("left are the letters %s", left)
	}
	if r := call("check", "--dsn", path); r.code != exitDone {
		t.Errorf("check exited %d\n%s", r.code, r.stdout)
	}
}

// TestOrderLevers_documented: the program understands the commands of the section in docs/operations.md.
func TestOrderLevers_documented(t *testing.T) {
	if n := understood(t, "Levers on one order"); n != 4 {
		t.Errorf("there are %d commands, want 4", n)
	}
}
