package schema_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestSQLite_libc: SQLite is built with the libc that its own go.mod names. It is translated C, and
// its authors vouch for no other pair.
func TestSQLite_libc(t *testing.T) {
	list := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "go", append([]string{"list", "-m"}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	text, err := os.ReadFile(list("-f", "{{.GoMod}}", "modernc.org/sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile(`modernc\.org/libc (v\S+)`).FindSubmatch(text)
	if wanted == nil {
		t.Fatal("the go.mod of modernc.org/sqlite names no libc")
	}
	if used := list("-f", "{{.Version}}", "modernc.org/libc"); used != string(wanted[1]) {
		t.Errorf("libc %s is used, and sqlite wants %s", used, wanted[1])
	}
}
