package operate

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"orderflow/domain/work"
)

// TestAlarmKinds_documented: docs/operations.md has a runbook for each alarm and for no other, in the same order, with its
// severity, and with something to do.
func TestAlarmKinds_documented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`(?s)\n### Alarm (\w+)\n\n(\w+)\. (.*?)\n#`)
	var documented, kinds []work.AlarmCode
	for _, k := range AlarmKinds() {
		kinds = append(kinds, k.Code)
	}
	for rest := string(text); ; {
		at := section.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		code, severity, body := work.AlarmCode(rest[at[2]:at[3]]), rest[at[4]:at[5]], rest[at[6]:at[7]]
		documented, rest = append(documented, code), rest[at[7]:] // the next begins with the line's end
		if severity != strings.ToUpper(string(SeverityOf(code))[:1])+string(SeverityOf(code))[1:] || !strings.Contains(body, "\n    ") {
			t.Errorf("the runbook of %s begins %s: want that it is %s, and a command", code, severity, SeverityOf(code))
		}
		if code == LogLost != kindOf(code).Stays {
			t.Errorf("that %s stays until it has been acknowledged is not what the documentation says", code)
		}
	}
	if !slices.Equal(documented, kinds) {
		t.Errorf("documented are %v, want %v", documented, kinds)
	}
}
