package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"orderflow/handlers/diagnosis"
	"orderflow/handlers/operate"
)

// TestE2E_DeadLetters has an order's steps run out of time until it is parked, and gives
// it back to a node that has more patience.
func TestE2E_DeadLetters(t *testing.T) { onEachDatabase(t, testDeadLetters) }

func testDeadLetters(t *testing.T, db string) {
	hasty := start(t, db, "--step-duration", "5s", "--step-timeout", "50ms", "--max-interruptions", "1")
	id := hasty.api().place(1)[0].id
	eventually(t, func() (bool, string) {
		s := hasty.stat()
		return s.Orders["Parked"] == 1, fmt.Sprintf("not parked: %v", s.Orders)
	})
	hasty.signal(syscall.SIGTERM)
	hasty.wait()

	var letters []operate.Letter
	if err := json.Unmarshal([]byte(must(t, "deadletters", "list", "--dsn", db, "--json")), &letters); err != nil {
		t.Fatal(err)
	}
	if len(letters) != 1 || letters[0].OrderID != id || !strings.Contains(letters[0].Reason, "timed out") {
		t.Fatalf("the dead letters are %+v, want that of order %s", letters, id)
	}
	letter := letters[0].Letter
	if table := must(t, "deadletters", "list", "--dsn", db); !strings.Contains(table, letter) || !strings.Contains(table, id) {
		t.Errorf("the table has neither letter nor order:\n%s", table)
	}
	if said := diagnosed(t, db, id); said.Reason != diagnosis.IsParked || said.Evidence.Letter != letter || !strings.Contains(said.Summary, "timed out") {
		t.Errorf("the diagnosis is %+v, want it parked with letter %s", said, letter)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"discard a parked order's", []string{"discard", "--reason", "r", letter}, 1, "requeue it"},
		{"one that is not there", []string{"requeue", "--reason", "r", letter + "1"}, 1, "not found"},
		{"not a letter", []string{"requeue", "--reason", "r", "a:b/c"}, 2, "GROUP:TOPIC/PARTITION/POSITION"},
		{"no letter", []string{"requeue", "--reason", "r"}, 2, "letter"},
		{"a discard without a reason", []string{"discard", letter}, 2, "--reason"},
		{"letters twice over", []string{"requeue", "--reason", "r", "--topic", "processing", letter}, 2, "not both"},
		{"no topic", []string{"requeue", "--reason", "r", "--topic", "polishing"}, 2, "post-processing"},
		{"no reason", []string{"requeue", letter}, 2, "--reason"},
		{"a reason that says nothing", []string{"requeue", "--reason", " ", letter}, 2, "--reason is empty"},
	} {
		if r := orderflow(t, append([]string{"deadletters", c.args[0], "--dsn", db}, c.args[1:]...)...); r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%s: exit code %d, want %d, and %q:\n%s", c.name, r.code, c.code, c.says, r.stderr)
		}
	}
	var done []decided
	out := must(t, "deadletters", "requeue", "--dsn", db, "--json", "--reason", "the press is mended", "--actor", "ada", letter)
	if err := json.Unmarshal([]byte(out), &done); err != nil || len(done) != 1 || done[0] != (decided{Letter: letter, OrderID: id}) {
		t.Errorf("requeue says %s (%v), want the letter and its order", out, err)
	}
	if r := orderflow(t, "deadletters", "requeue", "--dsn", db, "--reason", "again", letter); r.code != exitFailed || !strings.Contains(r.stderr, "not found") {
		t.Errorf("a second time: %d %s", r.code, r.stderr)
	}
	must(t, "check", "--dsn", db)

	patient := start(t, db, "--step-duration", "1ms", "--step-failure-rate", "0")
	patient.untilEnded(1)
	events := patient.api().history(id)
	for i, e := range events {
		if e.Type != "OrderResumed" {
			continue
		}
		if e.Reason != "the press is mended" || !strings.Contains(string(e.Metadata), `"operator:ada"`) || !strings.Contains(string(e.Metadata), fmt.Sprintf(`(uid %d)"`, os.Getuid())) || events[i-1].Type != "OrderParked" {
			t.Errorf("the history says %s %s after %s", e.Data, e.Metadata, events[i-1].Type)
		}
		must(t, "check", "--dsn", db)
		return
	}
	t.Errorf("the history of an order that was resumed does not say so: %+v", events)
}
