package diagnosis

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
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
