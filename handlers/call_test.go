package handlers

import (
	"strings"
	"testing"
)

func TestCut(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"short":         {"out of stock", "out of stock"},
		"as long":       {strings.Repeat("x", 1000), strings.Repeat("x", 1000)},
		"longer":        {strings.Repeat("x", 1001), strings.Repeat("x", 1000)},
		"within a rune": {"a" + strings.Repeat("ü", 600), "a" + strings.Repeat("ü", 499)},
		"not UTF-8":     {"a\xffb\xc3", "a\uFFFDb\uFFFD"},
		"grows, then":   {strings.Repeat("\xff.", 400), strings.Repeat("\uFFFD.", 250)},
	} {
		if got := cut(c.in); got != c.want {
			t.Errorf("%s: %d bytes %.20q..., want %d bytes", name, len(got), got, len(c.want))
		}
	}
}
