package deploy_test

import (
	"go/ast"
	"go/token"
	"maps"
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
	// versionTable is goose's own, made with the first migration.
	versionTable = "goose_db_version"
)

// rights are what a role may do: by table, the statements in alphabetical order.
type rights map[string][]string

func (r rights) add(table string, statements ...string) {
	for _, s := range statements {
		if !slices.Contains(r[table], s) {
			r[table] = append(r[table], s)
			slices.Sort(r[table])
		}
	}
}

var grant = regexp.MustCompile(`^GRANT ([A-Z, ]+) ON dbo\.(\w+) TO (\w+);$`)

// grantDefinitions begins the line that lets a role see whether triggers are there.
const grantDefinitions = "GRANT VIEW DEFINITION ON SCHEMA::dbo TO "

// readGrants reads grants.sql, by role.
func readGrants(t *testing.T) map[string]rights {
	t.Helper()
	all := map[string]rights{runtimeRole: {}, readerRole: {}}
	for line := range strings.Lines(read(t, "deploy/sqlserver/grants.sql")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "--") || strings.HasPrefix(line, grantDefinitions) {
			continue
		}
		found := grant.FindStringSubmatch(line)
		if len(found) == 0 || all[found[3]] == nil {
			t.Errorf("grants.sql: %q is not GRANT ... ON dbo.TABLE TO %s or %s;", line, runtimeRole, readerRole)
			continue
		}
		if all[found[3]][found[2]] != nil {
			t.Errorf("grants.sql has two lines for %s and %s", found[2], found[3])
		}
		all[found[3]].add(found[2], strings.Split(found[1], ", ")...)
	}
	return all
}

// readTables are the tables that the migrations make, and goose's own.
func readTables(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "schema", "migrations", "sqlserver", "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	tables := []string{versionTable}
	for _, file := range files {
		text, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		up, _, _ := strings.Cut(read(t, text), "-- +goose Down")
		for _, m := range regexp.MustCompile(`CREATE TABLE (?:dbo\.)?(\w+)`).FindAllStringSubmatch(up, -1) {
			tables = append(tables, m[1])
		}
		for _, m := range regexp.MustCompile(`DROP TABLE (?:dbo\.)?(\w+)`).FindAllStringSubmatch(up, -1) {
			tables = slices.DeleteFunc(tables, func(name string) bool { return name == m[1] })
		}
	}
	slices.Sort(tables)
	return tables
}

// TestGrants_Tables: every table is in the script for both roles, and no other.
func TestGrants_Tables(t *testing.T) {
	tables := readTables(t)
	if len(tables) < 12 {
		t.Fatalf("only the tables %v were found in the migrations", tables)
	}
	for role, granted := range readGrants(t) {
		if got := slices.Sorted(maps.Keys(granted)); !slices.Equal(got, tables) {
			t.Errorf("%s has rights on\n %v, and the tables are\n %v", role, got, tables)
		}
	}
}

// TestGrants_Statements: the run-time role may do what the code does, and nothing more;
// the reading role may read.
func TestGrants_Statements(t *testing.T) {
	granted, used := readGrants(t), readStatements(t)
	for _, table := range readTables(t) {
		if got, want := granted[runtimeRole][table], used[table]; !slices.Equal(got, want) {
			t.Errorf("%s may %v on %s, and the code needs %v", runtimeRole, got, table, want)
		}
		if got := granted[readerRole][table]; !slices.Equal(got, []string{"SELECT"}) {
			t.Errorf("%s may %v on %s, want SELECT", readerRole, got, table)
		}
	}
}

// TestGrants_Definitions: both roles see what protects events, which a node warns of and check
// reports.
func TestGrants_Definitions(t *testing.T) {
	for _, role := range []string{runtimeRole, readerRole} {
		if line := grantDefinitions + role + ";\n"; !strings.Contains(read(t, "deploy/sqlserver/grants.sql"), line) {
			t.Errorf("grants.sql does not have %s", line)
		}
	}
}

// TestGrants_AppendOnly: what must never be changed cannot be, whatever the code does.
func TestGrants_AppendOnly(t *testing.T) {
	for _, table := range []string{"events", "reservations"} {
		if got := readGrants(t)[runtimeRole][table]; !slices.Equal(got, []string{"INSERT", "SELECT"}) {
			t.Errorf("%s may %v on %s, want INSERT and SELECT", runtimeRole, got, table)
		}
	}
}

// rebuilding are the files whose statements only `projections rebuild` runs, as the
// migration login, since it renames tables.
var rebuilding = []string{"projections/rebuild.go", "projections/claim.go", "projections/fill.go", "projections/crosscheck.go"}

// packages are those that send SQL.
var packages = []string{"schema", "eventstore", "eventstore/check", "transport/messaging", "projections", "cmd/orderflow", "cmd/orderflow/node"}

var statement = regexp.MustCompile(`\b(INSERT INTO|UPDATE|DELETE(?: TOP \(\?\d+\))? FROM) (\w+)?`)

// readStatements reads the SQL in the code and says what nodes need.
func readStatements(t *testing.T) rights {
	t.Helper()
	used, tables := rights{}, readTables(t)
	for _, table := range tables {
		used.add(table, "SELECT") // conditions read too
	}
	for _, folder := range packages {
		eachSource(t, folder, func(path string, f *ast.File) {
			path = strings.TrimPrefix(filepath.ToSlash(path), root+"/")
			if slices.Contains(rebuilding, path) || strings.HasSuffix(path, "sqlite.go") {
				return
			}
			for _, text := range literals(f) {
				for _, m := range statement.FindAllStringSubmatch(text, -1) {
					word, _, _ := strings.Cut(m[1], " ")
					switch {
					case slices.Contains(tables, m[2]):
						used.add(m[2], word)
					case folder == "projections":
						used.add("orders", word) // the table's name is put in when it runs
					}
				}
			}
		})
	}
	used.add("dead_letters", "UPDATE", "DELETE") // operators decide on them
	// That which puts the row back stands in an error, for whoever migrates: no program runs it.
	used["compatibility"] = slices.DeleteFunc(used["compatibility"], func(right string) bool { return right == "INSERT" })
	// A rebuild exchanges the two tables, and their rights go with them.
	used["orders_next"] = used["orders"]
	return used
}

// literals are the texts in a file.
func literals(f *ast.File) (all []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				all = append(all, text)
			}
		}
		return true
	})
	return all
}

// TestGrants_Principals: the scripts, the roles and the logins have the same names.
func TestGrants_Principals(t *testing.T) {
	script := read(t, "deploy/sqlserver/principals.sql")
	for _, want := range []string{
		"CREATE ROLE " + runtimeRole, "CREATE ROLE " + readerRole,
		"ALTER ROLE " + runtimeRole + " ADD MEMBER orderflow_runtime;", "ALTER ROLE " + readerRole + " ADD MEMBER orderflow_reader;",
		"GRANT CREATE TABLE TO orderflow_migration;", "GRANT CONTROL ON SCHEMA::dbo TO orderflow_migration;",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("principals.sql does not have %s", want)
		}
	}
	if strings.Contains(script, "db_owner") || strings.Contains(script, "sysadmin ADD") {
		t.Error("principals.sql gives away more than it should")
	}
	for _, m := range regexp.MustCompile(`PASSWORD = N'([^']*)'`).FindAllStringSubmatch(script, -1) {
		name := strings.TrimSuffix(strings.TrimPrefix(m[1], "$("), ")")
		if _, there := readEnv(t, "deploy/compose/env.example")[name]; !there {
			t.Errorf("the password %s of principals.sql is no variable of deploy/compose/env.example", m[1])
		}
	}
}

// TestDocs_ErrorNumbers: docs/sqlserver.md names every error number that the program
// knows.
func TestDocs_ErrorNumbers(t *testing.T) {
	docs, known := read(t, "docs/sqlserver.md"), 0
	eachSource(t, "schema", func(path string, f *ast.File) {
		if filepath.Base(path) != "sqlserver.go" {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			clause, ok := n.(*ast.CaseClause)
			if !ok {
				return true
			}
			for _, e := range clause.List {
				if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.INT {
					known++
					if !regexp.MustCompile(`\b` + lit.Value + `\b`).MatchString(docs) {
						t.Errorf("docs/sqlserver.md does not name error %s", lit.Value)
					}
				}
			}
			return true
		})
	})
	if known < 10 {
		t.Errorf("only %d error numbers were found in schema/sqlserver.go", known)
	}
}
