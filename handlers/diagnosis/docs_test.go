package diagnosis

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
)

// TestReasons_documented: docs/operations.md has a row for each reason, under an anchor of its name, in the order of
// precedence, and with the verdict that Diagnose gives.
func TestReasons_documented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| <a id=\"(\\w+)\"></a>`(\\w+)` \\| (.*?) \\|(.*)\\|$").FindAllStringSubmatch(string(text), -1)
	var documented []Reason
	for _, row := range rows {
		documented = append(documented, Reason(row[1]))
		if row[1] != row[2] || strings.Count(row[4], " | ") != 2 {
			t.Errorf("the row of %s is %q: want the reason, its verdict, and three more columns", row[1], row[0])
		}
		for _, r := range append(rules, rule{reason: NotRead, verdict: Unknown}) {
			if r.reason == Reason(row[1]) && !strings.HasPrefix(row[3], string(r.verdict)) {
				t.Errorf("%s is documented as %s, and told as %s", r.reason, row[3], r.verdict)
			}
		}
	}
	if !slices.Equal(documented, Reasons()) {
		t.Errorf("documented are %v, want %v", documented, Reasons())
	}
}

// TestDiagnose_commands: what an answer tells people to run is in testdata/commands.txt, of which package main shows that
// the program understands it.
func TestDiagnose_commands(t *testing.T) {
	all := scenarios(t)
	discarded, listed, late := scenarios(t)[IsParked], facts(t, 0), scenarios(t)[HasEnded]
	discarded.Letter, listed.View.Version, late.View.Version = nil, 1, 1
	passed, behind := facts(t, time.Second, started(completed1)...).queued(), facts(t, time.Second, started(completed1)...).queued()
	passed.View.Version, behind.View = 0, View{}
	cancelled := facts(t, time.Minute, domain.Place{}, domain.Cancel{Reason: "unwanted"})
	for i, f := range []*Facts{discarded, listed, late, passed, behind, cancelled} {
		all[Reason(strconv.Itoa(i))] = f
	}
	var commands []string
	for _, f := range all {
		for _, a := range Diagnose(*f).Actions {
			commands = append(commands, a.Command)
		}
	}
	slices.Sort(commands)
	got := strings.Join(slices.Compact(commands), "\n") + "\n"
	want, err := os.ReadFile("testdata/commands.txt")
	if err != nil || got != string(want) {
		t.Errorf("the commands are\n%s\nand testdata/commands.txt has\n%s(%v)", got, want, err)
	}
}
