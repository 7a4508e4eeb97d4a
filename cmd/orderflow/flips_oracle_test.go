package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// An oracle says whether a change of the file's bytes changed what can be read from the tables that
// check vouches for. It shares no code with check: it reads each table as a whole, and through each of
// its indexes, and every row through its key.
type oracle struct {
	queries []string
	want    map[string][]string // the rows, sorted, by query
}

var vouched = []string{"events", "heads", "reservations", "orders"}

// newOracle remembers what a sound file holds.
func newOracle(t *testing.T, path string) *oracle {
	t.Helper()
	o := &oracle{}
	err := reading(path, func(db *sql.DB) error {
		for _, table := range vouched {
			if err := o.plan(db, table); err != nil {
				return err
			}
		}
		var err error
		o.want, err = o.read(db)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.queries) < 12 {
		t.Fatalf("the oracle has only %d queries: %v", len(o.queries), o.queries)
	}
	return o
}

// changed says what a changed file gives otherwise; "" if nothing.
func (o *oracle) changed(path string) (what string) {
	err := reading(path, func(db *sql.DB) error {
		got, err := o.read(db)
		for _, q := range o.queries {
			if err == nil && !slices.Equal(got[q], o.want[q]) {
				what = q
			}
		}
		return err
	})
	if err != nil {
		return err.Error()
	}
	return what
}

func reading(path string, do func(*sql.DB) error) (err error) {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: path, RawQuery: "mode=ro&immutable=1"}).String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(db)
}

// plan adds the queries of a table.
func (o *oracle) plan(db *sql.DB, table string) error {
	columns, err := texts(db, `SELECT name FROM pragma_table_info(?1)`, table)
	if err != nil {
		return err
	}
	all := quoted(columns)
	o.queries = append(o.queries, `SELECT `+all+` FROM `+table+` NOT INDEXED`)
	indexes, err := texts(db, `SELECT name FROM pragma_index_list(?1) WHERE origin <> 'pk' OR name NOT IN (SELECT name FROM pragma_index_list(?1) WHERE (SELECT wr FROM pragma_table_list WHERE name = ?1))`, table)
	if err != nil {
		return err
	}
	for _, index := range indexes {
		condition, err := partial(db, index)
		if err != nil {
			return err
		}
		columns, err := texts(db, `SELECT name FROM pragma_index_info(?1)`, index)
		if err != nil {
			return err
		}
		o.queries = append(o.queries,
			`SELECT `+quoted(columns)+` FROM `+table+` INDEXED BY `+index+condition,
			`SELECT `+all+` FROM `+table+` INDEXED BY `+index+condition)
	}
	return o.planKeys(db, table)
}

// planKeys adds a query that finds every row by its primary key.
func (o *oracle) planKeys(db *sql.DB, table string) error {
	columns, err := texts(db, `SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk`, table)
	if err != nil {
		return err
	}
	var same []string
	for _, c := range columns {
		same = append(same, `t.`+c+` = k.`+c)
	}
	keys, err := texts(db, `SELECT '(' || `+quoted(columns)+` || ')' FROM `+table)
	if err != nil {
		return err
	}
	const many = 400
	for part := range slices.Chunk(keys, many) {
		values := strings.ReplaceAll(strings.Join(part, ", "), "|", ", ")
		o.queries = append(o.queries, `WITH k (`+strings.Join(columns, ", ")+`) AS (VALUES `+values+`) SELECT `+strings.ReplaceAll(quoted(columns), "quote(", "quote(t.")+
			` FROM k CROSS JOIN `+table+` t ON `+strings.Join(same, " AND "))
	}
	return nil
}

func partial(db *sql.DB, index string) (string, error) {
	all, err := texts(db, `SELECT COALESCE(sql, '') FROM sqlite_master WHERE name = ?1`, index)
	if err != nil {
		return "", err
	}
	if _, condition, found := strings.Cut(strings.Join(all, ""), " WHERE "); found {
		return ` WHERE ` + condition, nil
	}
	return "", nil
}

// quoted is an expression for the columns, with their kinds.
func quoted(columns []string) string {
	return `quote(` + strings.Join(columns, `) || '|' || quote(`) + `)`
}

func (o *oracle) read(db *sql.DB) (map[string][]string, error) {
	got := map[string][]string{}
	for _, q := range o.queries {
		rows, err := texts(db, q)
		if err != nil {
			return nil, fmt.Errorf("%.60s: %w", q, err)
		}
		slices.Sort(rows)
		got[q] = rows
	}
	return got, nil
}

func texts(db *sql.DB, query string, args ...any) (all []string, err error) {
	rows, err := db.QueryContext(context.Background(), query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}
