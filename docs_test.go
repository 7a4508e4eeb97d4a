package orderflow_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxProse is how long a line of prose may be in a document.
const maxProse = 120

// TestDocs_LineLength keeps the prose of documents readable beside each other in a diff.
// Tables, code and the targets of links are as long as they are.
func TestDocs_LineLength(t *testing.T) {
	for _, page := range pages(t) {
		for _, l := range page.prose() {
			if n := utf8.RuneCountInString(withoutTargets(l.text)); n > maxProse {
				t.Errorf("%s:%d has %d characters, %d at most: break the line after a sentence or a clause", page.path, l.number, n, maxProse)
			}
		}
	}
}

// TestDocs_Links follows every link between documents, to the heading that it names.
func TestDocs_Links(t *testing.T) {
	all := map[string]page{}
	for _, page := range pages(t) {
		all[page.path] = page
	}
	for _, from := range all {
		for _, target := range from.links() {
			name, heading, _ := strings.Cut(target, "#")
			to := from.path
			if name != "" {
				to = path.Join(path.Dir(from.path), name)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which does not exist", from.path, target)
				continue
			}
			if heading != "" && !slices.Contains(all[to].headings(), heading) {
				t.Errorf("%s links to %s: %s has no such heading", from.path, target, to)
			}
		}
	}
}

// TestDocs_Code wants every file, declaration and test that a document names to exist. They are
// written as `folder/file.go: Name`, `folder/file.go: Type.Name` and `TestName`. History alone
// may name what is gone.
func TestDocs_Code(t *testing.T) {
	named, tests := map[string]int{}, testNames(t)
	for _, page := range pages(t) {
		if strings.HasPrefix(page.path, "docs/history/") {
			continue
		}
		for _, n := range page.codeNames() {
			named[page.path]++
			if err := n.find(t); err != nil {
				t.Errorf("%s: %v: name what is there now", page.path, err)
			}
		}
		for _, m := range testSpan.FindAllStringSubmatch(page.text, -1) {
			if !tests[m[1]] {
				t.Errorf("%s: there is no test %s: name what is there now", page.path, m[1])
			}
		}
	}
	for _, page := range []string{"docs/reading.md", "docs/glossary.md", "CONTRIBUTING.md"} {
		if named[page] == 0 {
			t.Errorf("%s names no file of the code, and is there to do so", page)
		}
	}
}

// page is a document of this module.
type page struct {
	path string // with slashes, from the root
	text string
}

// pages reads every document below the root, without hidden folders and what was built.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(p) != ".md" {
			return nil
		}
		text, err := os.ReadFile(p)
		all = append(all, page{path: filepath.ToSlash(p), text: string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no documents were found")
	}
	return all
}

// line is a line of a page; the first has number 1.
type line struct {
	number int
	text   string
}

// prose is the page without its tables and code.
func (p page) prose() []line {
	var lines []line
	fenced, indented, blank := false, false, true
	for i, text := range strings.Split(p.text, "\n") {
		trimmed := strings.TrimSpace(text)
		switch fence := strings.HasPrefix(trimmed, "```"); {
		case fence:
			fenced = !fenced
			continue
		case fenced:
			continue
		}
		// Indented code begins after an empty line and goes on over empty lines.
		indented = trimmed == "" && indented || strings.HasPrefix(text, "    ") && (blank || indented)
		blank = trimmed == ""
		if !indented && !strings.HasPrefix(trimmed, "|") {
			lines = append(lines, line{number: i + 1, text: text})
		}
	}
	return lines
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// withoutTargets is a line as it is read: links without where they lead to.
func withoutTargets(text string) string { return link.ReplaceAllString(text, "]") }

// links are the targets of the page's links within this module.
func (p page) links() []string {
	var targets []string
	for _, m := range link.FindAllStringSubmatch(p.text, -1) {
		if !strings.Contains(m[1], "://") {
			targets = append(targets, m[1])
		}
	}
	return targets
}

var notInHeading = regexp.MustCompile(`[^\p{L}\p{N}\- ]`)

// headings are the names by which links find the page's headings.
func (p page) headings() []string {
	var names []string
	for _, l := range p.prose() {
		if title, is := strings.CutPrefix(strings.TrimLeft(l.text, "#"), " "); is && strings.HasPrefix(l.text, "#") {
			names = append(names, strings.ReplaceAll(notInHeading.ReplaceAllString(strings.ToLower(title), ""), " ", "-"))
		}
	}
	return names
}

// codeName is a file that a page names, and a declaration in it if it names one.
type codeName struct{ file, name string }

var codeSpan = regexp.MustCompile("`([a-z][a-z0-9_/]*/[a-z0-9_]*\\.(?:go|sql|yaml|sh))(?:: ([A-Za-z0-9_.]+))?`")

func (p page) codeNames() []codeName {
	var all []codeName
	for _, m := range codeSpan.FindAllStringSubmatch(p.text, -1) {
		all = append(all, codeName{file: m[1], name: m[2]})
	}
	return all
}

var (
	testSpan = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]*(?:_[A-Za-z]+)*)`")
	testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// testNames are the names of all tests.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, f := range goFiles(t) {
		for _, m := range testFunc.FindAllSubmatch(f.source, -1) {
			names[string(m[1])] = true
		}
	}
	return names
}

// find says what of a name is missing.
func (n codeName) find(t *testing.T) error {
	t.Helper()
	source, err := os.ReadFile(n.file)
	if err != nil {
		return fmt.Errorf("there is no file %s", n.file)
	}
	if n.name != "" && !slices.Contains(declared(file{path: n.file, source: source}.parse(t, parser.SkipObjectResolution)), n.name) {
		return fmt.Errorf("%s declares no %s", n.file, n.name)
	}
	return nil
}

// declared are the names of a file's functions, types, variables and constants. Methods
// and fields, also those of interfaces, come after the name of their type and a dot.
func declared(f *ast.File) []string {
	var names []string
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names = append(names, receiver(d)+d.Name.Name)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				names = append(names, specNames(s)...)
			}
		}
	}
	return names
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	of := d.Recv.List[0].Type
	if star, is := of.(*ast.StarExpr); is {
		of = star.X
	}
	if generic, is := of.(*ast.IndexExpr); is {
		of = generic.X
	}
	return of.(*ast.Ident).Name + "."
}

func specNames(s ast.Spec) []string {
	var names []string
	switch s := s.(type) {
	case *ast.ValueSpec:
		for _, n := range s.Names {
			names = append(names, n.Name)
		}
	case *ast.TypeSpec:
		names = append(names, s.Name.Name)
		var members *ast.FieldList
		switch of := s.Type.(type) {
		case *ast.StructType:
			members = of.Fields
		case *ast.InterfaceType:
			members = of.Methods
		default:
			return names
		}
		for _, m := range members.List {
			for _, n := range m.Names {
				names = append(names, s.Name.Name+"."+n.Name)
			}
		}
	}
	return names
}

var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|[^|]*\\|([^|]*)\\|$")

// TestDocs_ImportTable holds the table of docs/architecture.md against the one that is
// checked: the same folders, and for each the same folders of this module.
func TestDocs_ImportTable(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		if strings.TrimSpace(m[2]) == "all" {
			documented[m[1]] = slices.Sorted(slices.Values(table[m[1]].ours))
			continue
		}
		parts := strings.Split(m[2], "`")
		for i := 1; i < len(parts); i += 2 {
			documented[m[1]] = append(documented[m[1]], parts[i])
		}
		slices.Sort(documented[m[1]])
	}
	for folder, rule := range table {
		ours := slices.Sorted(slices.Values(rule.ours))
		if got, is := documented[folder]; !is && len(ours) > 0 {
			t.Errorf("docs/architecture.md has no row for %s: give it one", folder)
		} else if !slices.Equal(got, ours) {
			t.Errorf("docs/architecture.md says that %s may import %v, imports_test.go says %v", folder, got, ours)
		}
	}
}
