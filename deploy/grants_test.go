package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	runtimeRole = "orderflow_runtime_role"
	readerRole  = "orderflow_reader_role"
)

// rights are what may be done with each table: words of statements, in alphabetical order.
type rights map[string][]string

func (r rights) add(table string, words ...string) {
	r[table] = append(r[table], words...)
	slices.Sort(r[table])
	r[table] = slices.Compact(r[table])
}

// TestGrants holds grants.sql against the tables that the migrations make and the statements in the code: nodes
// may do what they do and nothing more, readers may read, and what is only ever added cannot be changed.
func TestGrants(t *testing.T) {
	granted := map[string]rights{runtimeRole: {}, readerRole: {}}
	script := read(t, "deploy/sqlserver/grants.sql")
	for _, m := range regexp.MustCompile(`(?m)^GRANT ([A-Z, ]+) ON dbo\.(\w+) TO (\w+);$`).FindAllStringSubmatch(script, -1) {
		granted[m[3]].add(m[2], strings.Split(m[1], ", ")...)
	}
	tables, used := migratedTables(t), usedRights(t)
	for _, table := range tables {
		if got, want := granted[runtimeRole][table], used[table]; !slices.Equal(got, want) {
			t.Errorf("%s may %v on %s, and the code needs %v", runtimeRole, got, table, want)
		}
		if got := granted[readerRole][table]; !slices.Equal(got, []string{"SELECT"}) {
			t.Errorf("%s may %v on %s, want SELECT", readerRole, got, table)
		}
	}
	for _, table := range []string{"events", "reservations", "operations"} {
		if got := granted[runtimeRole][table]; !slices.Equal(got, []string{"INSERT", "SELECT"}) {
			t.Errorf("%s may %v on %s, whatever the code does", runtimeRole, got, table)
		}
	}
	for role, of := range granted {
		if len(of) != len(tables) {
			t.Errorf("%s has rights on %d tables, and there are %d", role, len(of), len(tables))
		}
		if !strings.Contains(script, "GRANT VIEW DEFINITION ON SCHEMA::dbo TO "+role+";") {
			t.Errorf("%s cannot see whether the triggers are there", role)
		}
		if login := strings.TrimSuffix(role, "_role"); !strings.Contains(read(t, "deploy/sqlserver/principals.sql"), "ALTER ROLE "+role+" ADD MEMBER "+login+";") {
			t.Errorf("principals.sql does not give %s to %s", role, login)
		}
	}
}

// migratedTables are those that the migrations make, and goose's own.
func migratedTables(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "schema", "migrations", "sqlserver", "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	tables := []string{"goose_db_version"}
	for _, file := range files {
		up, _, _ := strings.Cut(read(t, strings.TrimPrefix(file, root)), "-- +goose Down")
		for _, m := range regexp.MustCompile(`CREATE TABLE (?:dbo\.)?(\w+)`).FindAllStringSubmatch(up, -1) {
			tables = append(tables, m[1])
		}
		for _, m := range regexp.MustCompile(`DROP TABLE (?:dbo\.)?(\w+)`).FindAllStringSubmatch(up, -1) {
			tables = slices.DeleteFunc(tables, func(name string) bool { return name == m[1] })
		}
	}
	return tables
}

var statement = regexp.MustCompile(`\b(INSERT INTO|UPDATE|DELETE(?: TOP \(\?\d+\))? FROM) (\w+)?`)

// usedRights reads the SQL in the code and says what nodes need. A rebuild of the views renames tables, so that it
// is run as the migration login: its statements do not count.
func usedRights(t *testing.T) rights {
	t.Helper()
	used, tables := rights{}, migratedTables(t)
	for _, table := range tables {
		used.add(table, "SELECT") // conditions read too
	}
	for _, file := range sources(t, "schema", "eventstore", "transport", "projections", "cmd") {
		if strings.HasSuffix(file, "sqlite.go") || strings.Contains(file, "/schema/sqlitedb/") || strings.Contains(file, "/projections/rebuild/") {
			continue
		}
		for _, text := range literals(t, file) {
			for _, m := range statement.FindAllStringSubmatch(text, -1) {
				word, _, _ := strings.Cut(m[1], " ")
				switch {
				case slices.Contains(tables, m[2]):
					used.add(m[2], word)
				case strings.Contains(file, "/projections/"):
					used.add("orders", word) // the name of the table is put in when it runs
				}
			}
		}
	}
	used.add("dead_letters", "UPDATE", "DELETE") // operators decide on them
	// The statement that puts its row back stands in an error, for whoever migrates.
	used["compatibility"] = slices.DeleteFunc(used["compatibility"], func(right string) bool { return right == "INSERT" })
	used["orders_next"] = used["orders"] // a rebuild exchanges the two, and rights go with the table
	return used
}

// sources are the Go files below folders that are no tests.
func sources(t *testing.T, folders ...string) (files []string) {
	t.Helper()
	for _, folder := range folders {
		for _, pattern := range []string{"*.go", "*/*.go", "*/*/*.go"} {
			found, err := filepath.Glob(filepath.Join(root, folder, pattern))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, found...)
		}
	}
	return slices.DeleteFunc(files, func(file string) bool {
		return strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/storetest/") || strings.Contains(file, "/schematest/")
	})
}

// literals are the texts in a file.
func literals(t *testing.T, file string) (all []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				all = append(all, text)
			}
		}
		return true
	})
	return all
}

// TestDocs_errorNumbers: docs/sqlserver.md names every error number that the program knows.
func TestDocs_errorNumbers(t *testing.T) {
	named, known := numbersOf(t, read(t, "docs/sqlserver.md")), 0
	for _, list := range regexp.MustCompile(`(?m)^\s*(?:case )?\d+(?:, \d+)*[,:] *(?://.*)?$`).FindAllString(read(t, "schema/sqlserver.go"), -1) {
		list, _, _ = strings.Cut(list, "//")
		for _, number := range regexp.MustCompile(`\d+`).FindAllString(list, -1) {
			known++
			if !named[number] {
				t.Errorf("docs/sqlserver.md does not name error %s", number)
			}
		}
	}
	if known < 80 {
		t.Errorf("only %d error numbers were found in schema/sqlserver.go", known)
	}
}

// numbersOf are the numbers in a text, and those within its ranges ("7 to 9").
func numbersOf(t *testing.T, text string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, number := range regexp.MustCompile(`\d+`).FindAllString(text, -1) {
		all[number] = true
	}
	for _, m := range regexp.MustCompile(`\b(\d{3,5}) to (\d{3,5})\b`).FindAllStringSubmatch(text, -1) {
		from, err := strconv.Atoi(m[1])
		to, terr := strconv.Atoi(m[2])
		if err != nil || terr != nil {
			t.Fatal(err, terr)
		}
		for n := from; n <= to && to-from < 20; n++ { // others are no list of errors
			all[strconv.Itoa(n)] = true
		}
	}
	return all
}
