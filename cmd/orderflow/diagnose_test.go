package main

import (
	"os"
	"strings"
	"testing"
)

// TestOrdersDiagnose_commands: the program understands every command that a diagnosis tells people to run.
func TestOrdersDiagnose_commands(t *testing.T) {
	text, err := os.ReadFile("../../handlers/diagnosis/testdata/commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	for command := range strings.Lines(string(text)) {
		words := strings.Fields(command)
		if _, err := parse(t, words[1:]...); err != nil || words[0] != "orderflow" {
			t.Errorf("%s: %v", strings.TrimSpace(command), err)
		}
	}
}

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
		"\nnext:        nothing happens by itself\n", "\nyou can:     orderflow serve --roles worker # starts", "\nas of: ")
	doctor(t, db, `DELETE FROM outbox`)
	diagnosed(exitDone, "Blocked (no_worker_alive)", "\nalso:        message_missing\n")
	doctor(t, db, `DROP TRIGGER events_no_update`, `UPDATE events SET data = '{"detail":"\u001b[2J"}'`)
	diagnosed(exitFailed, "Inconsistent (chain_broken): ", "also:        no_worker_alive, message_missing\n", "evidence:    event 1: its hash does not fit")
	doctor(t, db, `UPDATE events SET type = 'Order'||char(27)||'[2J'`)
	diagnosed(exitFailed, `\u001b[2J`)
	id = "01890000-0000-7000-8000-000000000000"
	diagnosed(exitFailed, "Unknown (unknown_order): there is no order of this id.\n", "orders list --tracking-id")
}
