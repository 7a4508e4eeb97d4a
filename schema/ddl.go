package schema

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// ddl is what a text of T-SQL migrations makes: enough of it to compare a database with. It reads
// the forms that the migrations use and passes over all others.
type ddl struct {
	tables   map[string][]string // their columns
	indexes  map[string]index    // by name, primary keys among them
	triggers map[string]trigger  // by name
}

type index struct {
	table    string
	unique   bool
	columns  []string
	rowLocks bool // no page of it is ever locked
}

type trigger struct{ table, text string }

func newDDL() *ddl {
	return &ddl{tables: map[string][]string{}, indexes: map[string]index{}, triggers: map[string]trigger{}}
}

// object names an index by its columns.
func (i index) object() object {
	name := "(" + strings.Join(i.columns, ", ") + ")"
	if i.unique {
		name = "unique " + name
	}
	return object{kind: KindIndex, name: name, table: i.table}
}

// onlyRows is the text of an index of which no page is ever locked. Others have none.
const onlyRows = "only rows of it are locked"

func (i index) text() string {
	if i.rowLocks {
		return onlyRows
	}
	return ""
}

// objects is what is compared. Tables may have more columns than they should.
func (d *ddl) objects() map[object]string {
	all := map[object]string{}
	for name, columns := range d.tables {
		slices.Sort(columns)
		all[object{KindTable, name, name}] = strings.Join(columns, ", ")
	}
	for _, i := range d.indexes {
		all[i.object()] = i.text()
	}
	for name, t := range d.triggers {
		all[object{KindTrigger, name, t.table}] = t.text
	}
	return all
}

// ddlOf reads the statements of migrations, in their order.
func ddlOf(text string) *ddl {
	d := newDDL()
	for _, statement := range statementsOf(text) {
		d.read(statement)
	}
	return d
}

// statementsOf splits migrations as goose does: at semicolons, but for what stands between
// StatementBegin and StatementEnd. Comments go.
func statementsOf(text string) (all []string) {
	whole, one := false, ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "-- +goose StatementBegin":
			whole, one = true, ""
		case trimmed == "-- +goose StatementEnd":
			whole = false
			all, one = append(all, oneLine(one)), ""
		case strings.HasPrefix(trimmed, "--") && !whole:
		default:
			one += line
			if !whole && strings.HasSuffix(trimmed, ";") {
				all, one = append(all, oneLine(one)), ""
			}
		}
	}
	return all
}

// forms are the statements that are read, the first that fits.
var forms = []struct {
	pattern *regexp.Regexp
	read    func(d *ddl, statement string, m []string)
}{
	{regexp.MustCompile(`^CREATE TABLE (\w+) \((.*)\)$`), func(d *ddl, _ string, m []string) { d.parts(m[1], m[2]) }},
	{regexp.MustCompile(`^ALTER TABLE (\w+) ADD (.*)$`), func(d *ddl, _ string, m []string) { d.parts(m[1], m[2]) }},
	{regexp.MustCompile(`^CREATE (UNIQUE )?INDEX (\w+) ON (\w+) \(([^)]*)\)`), func(d *ddl, statement string, m []string) {
		d.indexes[m[2]] = index{table: m[3], unique: m[1] != "", columns: names(m[4]), rowLocks: noPages.MatchString(statement)}
	}},
	{regexp.MustCompile(`ALTER INDEX (\w+) ON \w+ SET \(`), func(d *ddl, statement string, m []string) {
		i := d.indexes[m[1]]
		i.rowLocks = noPages.MatchString(statement)
		d.indexes[m[1]] = i
	}},
	{regexp.MustCompile(`^CREATE TRIGGER (\w+) ON (\w+) `), func(d *ddl, statement string, m []string) {
		d.triggers[m[1]] = trigger{table: m[2], text: statement}
	}},
	{regexp.MustCompile(`^ALTER TABLE (\w+) DROP COLUMN (\w+)`), func(d *ddl, _ string, m []string) {
		d.tables[m[1]] = slices.DeleteFunc(d.tables[m[1]], func(c string) bool { return c == m[2] })
	}},
	{regexp.MustCompile(`^(?:DROP (?:TABLE|TRIGGER|INDEX)|ALTER TABLE \w+ DROP CONSTRAINT) (?:IF EXISTS )?(\w+)`), func(d *ddl, _ string, m []string) {
		d.drop(m[1])
	}},
}

// noPages is the option of an index that only rows of it are locked.
var noPages = regexp.MustCompile(`\(ALLOW_PAGE_LOCKS = OFF\)`)

// key is a primary or unique key among the parts of a table.
var key = regexp.MustCompile(`^(?:(\w+) .*)?CONSTRAINT (\w+) (?:PRIMARY KEY|UNIQUE)(?: \(([^)]*)\))?`)

func (d *ddl) read(statement string) {
	for _, f := range forms {
		if m := f.pattern.FindStringSubmatch(statement); m != nil {
			f.read(d, statement, m)
			return
		}
	}
}

// parts reads the columns and constraints of a CREATE or ALTER TABLE, which are separated by commas
// outside of brackets.
func (d *ddl) parts(name, body string) {
	depth, from := 0, 0
	for at, c := range body + "," {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			d.part(name, strings.TrimSpace(body[from:at]))
			from = at + 1
		}
	}
}

func (d *ddl) part(table, part string) {
	if word, _, _ := strings.Cut(part, " "); word != "CONSTRAINT" {
		d.tables[table] = append(d.tables[table], word)
	}
	if m := key.FindStringSubmatch(part); m != nil {
		columns := []string{m[1]}
		if m[3] != "" {
			columns = names(m[3])
		}
		d.indexes[m[2]] = index{table: table, unique: true, columns: columns, rowLocks: noPages.MatchString(part)}
	}
}

// drop forgets an object, and with a table all that is on it.
func (d *ddl) drop(name string) {
	delete(d.tables, name)
	maps.DeleteFunc(d.indexes, func(n string, i index) bool { return n == name || i.table == name })
	maps.DeleteFunc(d.triggers, func(n string, t trigger) bool { return n == name || t.table == name })
}

// names are those of a list, without ASC and DESC.
func names(list string) (all []string) {
	for one := range strings.SplitSeq(list, ",") {
		all = append(all, strings.Fields(one)[0])
	}
	return all
}
