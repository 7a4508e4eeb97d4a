package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"orderflow/handlers/operate"
)

// lever pulls a lever by its command and gives what that did.
func lever(t *testing.T, path string, args ...string) (done operate.Done) {
	t.Helper()
	r := call(append(args, "--dsn", path, "--json", "--reason", "a test", "--actor", "ann")...)
	if r.code != exitDone {
		t.Fatalf("%v exited %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	if err := json.Unmarshal([]byte(r.stdout), &done); err != nil {
		t.Fatal(err)
	}
	return done
}

// until waits until a command prints words.
func until(t *testing.T, path, words string, args ...string) {
	t.Helper()
	eventually(t, func() (bool, string) {
		r := call(append(args, "--dsn", path)...)
		return strings.Contains(r.stdout, words), r.stdout + r.stderr
	})
}

// TestLevers_steps: of a step that is paused nothing is begun, steps before and after it flow, and what was done is in
// the log of operations.
func TestLevers_steps(t *testing.T) {
	path := database(t)
	n, other := runHere(t, path, "--workers", "2"), runHere(t, path, "--workers", "2", "--roles", "worker")
	n.untilReadyz(http.StatusOK, "")
	other.untilReadyz(http.StatusOK, "")
	if done := lever(t, path, "steps", "pause", "Processing"); !done.Changed {
		t.Error("the pause changed nothing")
	}
	if done := lever(t, path, "steps", "pause", "Processing"); done.Changed {
		t.Error("a second pause changed something")
	}
	n.untilLogged("a step is paused")
	other.untilLogged("a step is paused")
	for range 8 { // more than there are slots
		if code, text := n.place(`{}`); code != http.StatusAccepted {
			t.Fatal(text)
		}
	}
	eventually(t, func() (bool, string) {
		waits := call("orders", "list", "--status", "Processing", "--limit", "200", "--json", "--dsn", path)
		return strings.Count(waits.stdout, `"order_id"`) == 8 && strings.Count(waits.stdout, `"Running"`) == 0, waits.stdout
	})
	until(t, path, "true", "steps", "list")
	if code, text := n.ask(http.MethodPost, n.Addresses().AdminURL()+"/v1/steps/Processing/resume", `{"reason":"by the admin interface"}`); code != http.StatusOK || !strings.Contains(text, `"changed":true`) {
		t.Errorf("it was not resumed: %d %s", code, text)
	}
	eventually(t, func() (bool, string) {
		ended := call("orders", "list", "--status", "Completed", "--limit", "200", "--json", "--dsn", path)
		return strings.Count(ended.stdout, `"order_id"`) == 8, ended.stdout
	})
	var page operate.OperationsPage
	r := call("operations", "list", "--json", "--dsn", path)
	if err := json.Unmarshal([]byte(r.stdout), &page); err != nil || len(page.Operations) != 2 {
		t.Fatalf("%d operations, err %v; want the pause and the resume\n%s", len(page.Operations), err, r.stdout)
	}
	if op := page.Operations[1]; op.Action != "steps pause" || op.Subject != "Processing" || op.Actor != "operator:ann" || op.Reason != "a test" || !strings.Contains(string(op.Details), "run_by") {
		t.Errorf("recorded %+v", op)
	}
}

// TestLevers_cordon: a cordoned node begins nothing, is ready, and stays cordoned over a restart under its name.
func TestLevers_cordon(t *testing.T) {
	path := database(t)
	n := runHere(t, path, "--node-id", "press")
	n.untilReadyz(http.StatusOK, "")
	if done := lever(t, path, "nodes", "cordon", "press"); !done.Changed {
		t.Error("the cordon changed nothing")
	}
	until(t, path, "cordoned", "nodes", "list")
	if code, text := n.place(`{}`); code != http.StatusAccepted {
		t.Error(text)
	}
	if err := n.end(); err != nil {
		t.Fatal(err)
	}
	n = runHere(t, path, "--node-id", "press")
	n.untilReadyz(http.StatusOK, "")
	until(t, path, "cordoned", "nodes", "list")
	if r := call("orders", "list", "--status", "Pending", "--json", "--dsn", path); strings.Count(r.stdout, `"order_id"`) != 1 {
		t.Errorf("the order was begun\n%s", r.stdout)
	}
	if done := lever(t, path, "nodes", "uncordon", "press"); !done.Changed {
		t.Error("it was not uncordoned")
	}
	until(t, path, `"Completed"`, "orders", "list", "--json")
	until(t, path, "active", "nodes", "list")
	if done := lever(t, path, "nodes", "uncordon", "press"); done.Changed {
		t.Error("a second uncordon changed something")
	}
}

// TestLevers_drain: a node that is drained ends when what it runs has ended, and not before. One that has only the API
// is drained too, and its log level can be set.
func TestLevers_drain(t *testing.T) {
	path := database(t)
	n := runHere(t, path, "--node-id", "worker", "--step-duration", "700ms", "--drain-timeout", "1ms")
	n.untilReadyz(http.StatusOK, "")
	placed := call("orders", "place", "--dsn", path)
	until(t, path, `"Running"`, "orders", "list", "--json")
	api := runHere(t, path, "--node-id", "door", "--roles", "api")
	api.untilReadyz(http.StatusOK, "")
	lever(t, path, "nodes", "loglevel", "door", "debug")
	api.untilLogged("level=debug")
	wantCall(t, exitDone, "door: log level debug, by operator:ann since ", "nodes", "list", "--dsn", path)
	if done := lever(t, path, "nodes", "drain", "worker", "--wait", "--timeout", "1m"); done.Now != "the node has ended" {
		t.Errorf("told %+v", done)
	}
	if r := call("orders", "events", strings.TrimSpace(placed.stdout), "--dsn", path); !strings.Contains(r.stdout, "StepCompleted") || strings.Contains(r.stdout, "Interrupted") {
		t.Errorf("the step was not ended\n%s", r.stdout)
	}
	lever(t, path, "nodes", "drain", "door", "--wait", "--timeout", "1m")
	r := call("nodes", "drain", "door", "--dsn", path, "--reason", "again")
	if r.code != exitFailed || !strings.Contains(r.stderr, `there is no live node "door"`) {
		t.Errorf("exited %d: %s", r.code, r.stderr)
	}
}

// TestLevers_stop: a node that is stopped from elsewhere cuts short what runs longer than its time to drain, also while
// it is drained.
func TestLevers_stop(t *testing.T) {
	path := database(t)
	n := runHere(t, path, "--node-id", "slow", "--step-duration", "10m", "--step-timeout", "20m", "--drain-timeout", "1ms")
	n.untilReadyz(http.StatusOK, "")
	if code, text := n.place(`{}`); code != http.StatusAccepted {
		t.Fatal(text)
	}
	until(t, path, `"Running"`, "orders", "list", "--json")
	lever(t, path, "nodes", "drain", "slow")
	n.untilReadyz(http.StatusServiceUnavailable, "stopping")
	if r := call("nodes", "drain", "slow", "--dsn", path, "--reason", "wait", "--wait", "--timeout", "1ms"); r.code != exitFailed || !strings.Contains(r.stderr, "has not ended within 1ms: it goes on draining") {
		t.Errorf("exited %d: %s", r.code, r.stderr)
	}
	lever(t, path, "nodes", "stop", "slow")
	until(t, path, "stopped", "nodes", "list", "--all")
	if done := n.end(); done != nil {
		t.Error(done)
	}
	if r := call("nodes", "stop", "slow", "--dsn", path, "--reason", ""); r.code != exitUsage || !strings.Contains(r.stderr, "reason") {
		t.Errorf("without a reason: exited %d: %s", r.code, r.stderr)
	}
}

// TestLevers_documented: the program understands every command of the section on levers in docs/operations.md.
func TestLevers_documented(t *testing.T) {
	if n := understood(t, "Levers"); n != 10 {
		t.Errorf("there are %d commands, want one for each lever and list", n)
	}
}

// TestNodesList_older: the nodes can be looked at before the schema is migrated.
func TestNodesList_older(t *testing.T) {
	path := database(t)
	doctor(t, path, `DROP TABLE controls`)
	if r := call("nodes", "list", "--dsn", path); r.code != exitDone || !strings.Contains(r.stderr, "orderflow migrate") {
		t.Errorf("exited %d: %s%s", r.code, r.stdout, r.stderr)
	}
}
