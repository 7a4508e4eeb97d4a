package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"orderflow/handlers/operate"
)

// TestAlarms: a node with the duty raises an alarm, which commands list and acknowledge, and clears it.
func TestAlarms(t *testing.T) {
	path := database(t)
	list := func(args ...string) (page operate.AlarmsPage) {
		t.Helper()
		r := call(append([]string{"alarms", "list", "--json", "--dsn", path}, args...)...)
		if err := json.Unmarshal([]byte(r.stdout), &page); err != nil {
			t.Fatalf("%v: %s%s", err, r.stdout, r.stderr)
		}
		page.Alarms = slices.DeleteFunc(page.Alarms, func(a operate.AlarmAnswer) bool { return a.Alarm == operate.DiskNearlyFull }) // this machine's
		return page
	}
	if page := list(); len(page.Alarms) > 0 || page.Watchdog.AgeSeconds != nil {
		t.Errorf("before the first round there are %+v", page)
	}
	n := runHere(t, path, "--roles", "api,worker", "--watchdog-every", "100ms")
	n.untilReadyz(http.StatusOK, "")
	until(t, path, "no live node has the role projector", "alarms", "list")
	page := list()
	a := page.Alarms[0]
	if a.Alarm != operate.RoleMissing || a.Subject != "projector" || a.State != "raised" || a.Severity != operate.Critical || page.Watchdog.AgeSeconds == nil {
		t.Errorf("it is %+v", page)
	}
	n.untilLogged("alarm raised: no live node has the role projector")
	for _, want := range []string{"the alarm is acknowledged\n", "(nothing has changed)\n"} {
		if r := call("alarms", "ack", a.ID.String(), "--reason", "ann starts one", "--dsn", path); r.code != exitDone || !strings.HasSuffix(r.stdout, want) {
			t.Errorf("it exits %d, and says %q%s, want %q", r.code, r.stdout, r.stderr, want)
		}
	}
	if r := call("operations", "list", "--dsn", path); strings.Count(r.stdout, "alarms ack") != 1 {
		t.Errorf("the operations are %s", r.stdout)
	}
	other := runHere(t, path, "--watchdog-every", "100ms")
	other.untilReadyz(http.StatusOK, "")
	until(t, path, "cleared", "alarms", "list", "--all")
	if page := list("--all"); len(page.Alarms) != 1 || page.Alarms[0].Reason != "ann starts one" || page.Alarms[0].ClearedAt.IsZero() {
		t.Errorf("of all there are %+v", page)
	}
	if err := n.end(); err != nil { // another node takes the duty over
		t.Fatal(err)
	}
	before := list().Watchdog.Rounds
	eventually(t, func() (bool, string) { w := list().Watchdog; return w.Rounds > before, fmt.Sprint(w) })
	for _, wrong := range [][]string{{"list", "--limit", "0"}, {"list", "--cursor", "x"}, {"ack", a.ID.String(), "--reason", " "}, {"ack", "x", "--reason", "r"}} {
		if r := call(append(append([]string{"alarms"}, wrong...), "--dsn", path)...); r.code == exitDone || r.stderr == "" {
			t.Errorf("%v: it exits %d", wrong, r.code)
		}
	}
	if r := call("alarms", "ack", "01890000-0000-7000-8000-000000000000", "--reason", "r", "--dsn", path); r.code != exitFailed || !strings.Contains(r.stderr, "not found") {
		t.Errorf("an alarm that there is not: it exits %d: %s", r.code, r.stderr)
	}
}

// TestAlarms_runbooks: the program understands every command of the section on alarms in docs/operations.md.
func TestAlarms_runbooks(t *testing.T) {
	if n := understood(t, "Alarms"); n < len(operate.AlarmKinds()) {
		t.Errorf("there are %d commands", n)
	}
}

// understood parses the commands of a section of docs/operations.md, and counts them.
func understood(t *testing.T, heading string) int {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	commands := regexp.MustCompile(`(?m)^ {4}orderflow ([^#\n]*)`).FindAllStringSubmatch(section, -1)
	for _, c := range commands {
		words := regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(c[1], -1)
		for i, word := range words {
			words[i] = strings.Trim(word, `"`)
		}
		if _, err := parse(t, words...); err != nil {
			t.Errorf("orderflow %s: %v", c[1], err)
		}
	}
	return len(commands)
}
