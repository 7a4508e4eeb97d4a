// Package orderflow_test holds the shape of the repository: which package may import
// which, how long a file may be, and that every package says what it promises.
package orderflow_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// maxLines is how long a Go file may be, tests included.
const maxLines = 400

// rule says what the packages of one folder, and of the folders below it that have no rule
// of their own, may import outside their tests.
type rule struct {
	ours   []string // folders of this module, with those below that have no rule; a package may always import its own folder's
	theirs []string // prefixes of other modules' packages; anyModule allows all
}

const anyModule = "*"

const (
	watermill    = "github.com/ThreeDotsLabs/watermill"
	watermillSQL = "github.com/ThreeDotsLabs/watermill-sql/v3"
	logrus       = "github.com/sirupsen/logrus"
	goose        = "github.com/pressly/goose/v3"
	mssql        = "github.com/microsoft/go-mssqldb"
	sqlite       = "modernc.org/sqlite"
	xsys         = "golang.org/x/sys"
	uuid         = "github.com/google/uuid"
	sketches     = "github.com/DataDog/sketches-go/ddsketch"
	mux          = "github.com/gorilla/mux"
	porcupine    = "github.com/anishathalye/porcupine"
)

// table is the import table of docs/architecture.md. Every arrow it does not have is an
// interface that the consumer declares and cmd/orderflow/node binds.
var table = map[string]rule{
	"domain":              {ours: []string{"domain/stored"}},
	"domain/stored":       {},
	"domain/work":         {ours: []string{"domain", "domain/stored"}},
	"internal/crashpoint": {},
	"internal/process":    {},
	"internal/jsontext":   {},
	"internal/shared":     {},
	"internal/spelling":   {},
	"schema":              {ours: []string{"domain/stored", "schema/sqlitedb"}, theirs: []string{goose, mssql, sqlite}},
	"schema/sqlitedb":     {theirs: []string{sqlite, xsys}},
	"eventstore":          {ours: []string{"domain", "domain/stored", "domain/work", "schema", "internal/crashpoint"}},
	// The SQL on what operators did and want; handlers/operate has the rules.
	"eventstore/operations": {ours: []string{"domain", "domain/stored", "domain/work", "schema"}},
	"transport/messaging": {
		ours:   []string{"domain", "domain/work", "schema", "internal/crashpoint", "transport/messaging/inflight"},
		theirs: []string{watermill, watermillSQL, logrus},
	},
	"handlers":           {ours: []string{"domain", "domain/work", "internal/crashpoint", "internal/jsontext"}, theirs: []string{anyModule}},
	"handlers/diagnosis": {ours: []string{"domain", "domain/work"}},
	"handlers/operate":   {ours: []string{"domain", "domain/work"}, theirs: []string{uuid}},
	"projections":        {ours: []string{"domain", "domain/stored", "schema", "projections/internal/rows"}},
	"transport/httpapi":  {ours: []string{"domain", "domain/stored", "domain/work", "handlers", "handlers/diagnosis", "handlers/operate", "projections", "projections/cluster", "internal/jsontext", "internal/spelling", "transport/httpapi/console"}, theirs: []string{anyModule}},
	// Pages ask the answers of others, through interfaces of their own.
	"transport/httpapi/console": {ours: []string{"domain", "domain/work", "handlers/diagnosis", "handlers/operate", "projections", "projections/cluster", "internal/shared"}, theirs: []string{mux}},
	"internal/bench": {
		ours: []string{"domain", "domain/work", "schema", "eventstore", "projections", "projections/tail", "projections/rebuild", "projections/verify"},
	},
	"cmd/orderflow": {
		ours: []string{"cmd/orderflow/node", "domain", "domain/stored", "domain/work", "schema", "eventstore", "eventstore/operations", "transport/messaging", "transport/messaging/inflight",
			"handlers", "handlers/diagnosis", "handlers/operate", "projections", "projections/cluster", "projections/rebuild", "projections/verify", "internal/bench", "internal/process", "internal/spelling",
		},
		theirs: []string{anyModule},
	},
	"cmd/orderflow/node": {
		ours: []string{"domain", "domain/work", "schema", "eventstore", "eventstore/operations", "transport/httpapi", "transport/messaging", "transport/messaging/inflight",
			"transport/messaging/retention", "handlers", "handlers/diagnosis", "handlers/operate", "projections", "projections/cluster", "projections/tail", "projections/verify", "internal/process", "internal/chaos/recorder",
		},
		theirs: []string{anyModule},
	},
	"scripts": {}, // tests only
	// The rooms of the views know the rows, and none of them the views.
	"projections/internal/rows":     {ours: []string{"domain", "domain/stored", "schema"}},
	"projections/internal/logtest":  {ours: []string{"domain", "domain/work", "eventstore", "schema"}},                                                // for tests
	"projections/internal/viewtest": {ours: []string{"domain", "projections", "projections/internal/logtest", "projections/internal/rows", "schema"}}, // for tests
	"projections/cluster":           {ours: []string{"domain", "domain/work", "schema", "internal/shared"}, theirs: []string{sketches}},
	"projections/tail":              {ours: []string{"domain", "schema", "internal/crashpoint", "projections/internal/rows"}},
	"projections/verify":            {ours: []string{"domain", "domain/stored", "schema", "projections/internal/rows"}},
	"projections/rebuild":           {ours: []string{"domain", "schema", "projections/internal/rows", "projections/verify"}},
	// The SQL on leases knows nothing of Watermill.
	"transport/messaging/inflight":  {ours: []string{"domain", "domain/stored", "domain/work", "schema", "internal/crashpoint"}, theirs: []string{logrus}},
	"transport/messaging/retention": {ours: []string{"domain", "schema"}, theirs: []string{logrus}},
	// The judge shares no code with what it judges.
	"internal/chaos/recorder": {ours: []string{"domain", "handlers", "internal/chaos/boottime"}}, // in nodes built with the tag chaos
	"internal/chaos/judge":    {theirs: []string{sqlite, mssql, porcupine}},
	"internal/chaos":          {ours: []string{"internal/chaos/judge", "internal/crashpoint", "internal/process", "schema/schematest"}, theirs: []string{anyModule}},
}

// TestImports_Table reads the imports of every file that is not a test.
func TestImports_Table(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test() {
			continue
		}
		folder, known := folderOf(f.path)
		if !known {
			t.Errorf("%s: its folder is not in the import table: give it a row in imports_test.go and docs/architecture.md, or move the file", f.path)
			continue
		}
		for _, imported := range f.imports(t) {
			if !allowed(folder, imported) {
				t.Errorf("%s imports %q: %s may not (see docs/architecture.md; declare an interface and bind it in cmd/orderflow/node)", f.path, imported, folder)
			}
		}
	}
}

// TestImports_rules shows that the table refuses what it should.
func TestImports_rules(t *testing.T) {
	for _, c := range []struct {
		folder, imported string
		want             bool
	}{
		{"domain", "encoding/json", true},
		{"domain", "orderflow/schema", false},
		{"domain", "github.com/google/uuid", false},
		{"domain", "orderflow/domain/work", false},
		{"domain", "orderflow/domain/stored", true},
		{"domain/work", "orderflow/domain", true},
		{"schema", "orderflow/domain", false},
		{"eventstore", "orderflow/domain/work", true},
		{"projections", "orderflow/domain/work", false},
		{"eventstore", "orderflow/eventstore/check", true},
		{"eventstore", "orderflow/transport/messaging", false},
		{"handlers", "orderflow/eventstore", false},
		{"handlers", "orderflow/domain", true},
		{"handlers", watermill + "/message", true},
		{"projections", watermill + "/message", false},
		{"transport/messaging", watermillSQL + "/pkg/sql", true},
		{"transport/httpapi", "orderflow/eventstore", false},
		{"internal/bench", "orderflow/transport/httpapi", false},
		{"handlers", "orderflow/internal/bench", false},
		{"cmd/orderflow", "orderflow/transport/httpapi", false},
		{"cmd/orderflow/node", "orderflow/transport/httpapi", true},
	} {
		if got := allowed(c.folder, c.imported); got != c.want {
			t.Errorf("%s imports %s: allowed is %v, want %v", c.folder, c.imported, got, c.want)
		}
	}
	if folder, known := folderOf("utils/strings.go"); known {
		t.Errorf("utils/strings.go is taken for %s, want unknown", folder)
	}
}

// TestFiles_Length keeps files short enough to be read in one go.
func TestFiles_Length(t *testing.T) {
	for _, f := range goFiles(t) {
		if n := bytes.Count(f.source, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, %d at most: take out what is a thing of its own", f.path, n, maxLines)
		}
	}
}

// TestPackages_Doc wants every package to say what it promises, in doc.go, or in its
// only file.
func TestPackages_Doc(t *testing.T) {
	packages := map[string][]file{}
	for _, f := range goFiles(t) {
		if !f.test() {
			packages[path.Dir(f.path)] = append(packages[path.Dir(f.path)], f)
		}
	}
	for dir, files := range packages {
		documented := slices.IndexFunc(files, func(f file) bool { return f.packageComment(t) != "" })
		switch {
		case documented < 0:
			t.Errorf("%s has no package comment: write a doc.go that says what it promises", dir)
		case len(files) > 1 && path.Base(files[documented].path) != "doc.go":
			t.Errorf("%s has its package comment in %s: move it to doc.go", dir, files[documented].path)
		}
	}
}

// file is a Go file of this module.
type file struct {
	path   string // with slashes, from the root
	source []byte
}

func (f file) test() bool { return strings.HasSuffix(f.path, "_test.go") }

func (f file) parse(t *testing.T, mode parser.Mode) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), f.path, f.source, mode)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func (f file) imports(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, s := range f.parse(t, parser.ImportsOnly).Imports {
		p, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func (f file) packageComment(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(f.parse(t, parser.PackageClauseOnly|parser.ParseComments).Doc.Text())
}

// goFiles reads every Go file below the root, without hidden folders and what was built.
func goFiles(t *testing.T) []file {
	t.Helper()
	var all []file
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(p) != ".go" {
			return nil
		}
		source, err := os.ReadFile(p)
		all = append(all, file{path: filepath.ToSlash(p), source: source})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go files were found")
	}
	return all
}

// folderOf is the row of the table that a file belongs to.
func folderOf(file string) (folder string, known bool) {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if _, known := table[dir]; known {
			return dir, true
		}
	}
	return "", false
}

func allowed(folder, imported string) bool {
	within := func(prefix string) bool { return imported == prefix || strings.HasPrefix(imported, prefix+"/") }
	r := table[folder]
	if ours, isOurs := strings.CutPrefix(imported, "orderflow/"); isOurs {
		row, _ := folderOf(ours + "/")
		return slices.ContainsFunc(append([]string{folder}, r.ours...), func(f string) bool {
			return ours == f || strings.HasPrefix(ours, f+"/") && len(row) <= len(f)
		})
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(r.theirs, func(p string) bool { return p == anyModule || within(p) })
}
