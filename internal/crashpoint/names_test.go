package crashpoint

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var passes = regexp.MustCompile(`crashpoint\.Here\("([^"]*)"\)`)

// TestNames_sources holds the names against the sources: each is passed somewhere, and
// no other is.
func TestNames_sources(t *testing.T) {
	found := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range passes.FindAllSubmatch(source, -1) {
			name := string(m[1])
			found[name] = true
			if !slices.Contains(names, name) {
				t.Errorf("%s passes %q, which is not one of Names", path, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !found[name] {
			t.Errorf("nobody passes %q", name)
		}
	}
}
