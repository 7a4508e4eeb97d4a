package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMakefile_sqlserver: make test-sqlserver runs the tests of every folder that has some for a server.
func TestMakefile_sqlserver(t *testing.T) {
	_, rule, _ := strings.Cut(read(t, "Makefile"), "\ntest-sqlserver:")
	rule, _, _ = strings.Cut(rule, ".PHONY")
	folders := strings.Fields(regexp.MustCompile(`(?m)\$\(GO\) test .*$`).FindString(rule))
	needs := regexp.MustCompile(`schematest\.(NeedSQLServer|EachDialect|SQLServer)\(`)
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && needs.Match(text) {
			found["./"+filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), "../"))] = true
		}
		return err
	})
	if err != nil || len(found) < 5 {
		t.Fatalf("%d folders, err %v", len(found), err)
	}
	for folder := range found {
		if !covered(folder, folders) {
			t.Errorf("%s has tests for a server, and make test-sqlserver leaves it out: %v", folder, folders)
		}
	}
}

// covered says whether one of the arguments of go test means a folder.
func covered(folder string, arguments []string) bool {
	for _, a := range arguments {
		tree, whole := strings.CutSuffix(a, "/...")
		if a == folder || whole && (folder == tree || strings.HasPrefix(folder, tree+"/")) {
			return true
		}
	}
	return false
}
