package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"orderflow/schema"
)

// TestE2E_TakenBack puts the rows of all tables back under a running node, as the restore of a backup
// does, on each database: the orders that were under way run to their ends, and the views go on.
func TestE2E_TakenBack(t *testing.T) { onEachDatabase(t, testTakenBack) }

func testTakenBack(t *testing.T, dsn string) {
	const orders = 10
	step := 2 * time.Second // orders are to be at work when the rows are saved
	if isServer(dsn) {
		step *= 2
	}
	p := start(t, dsn, "--step-duration", step.String(), "--step-failure-rate", "0", "--lease-ttl", "10s") // it is held to the end
	placed := p.api().place(orders)
	p.untilBegun(orders)
	db, err := schema.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	saved := save(t, db) // while steps are worked on
	p.untilEnded(orders)
	saved.putBack(t, db)

	p.untilEnded(orders)
	more := p.api().place(orders)
	p.untilEnded(2 * orders)
	for _, o := range append(placed, more...) {
		checkEnd(t, o.id, p.api().history(o.id))
	}
	p.checkPages(append(placed, more...))
	if !strings.Contains(p.Log(), "ANOTHER HISTORY") {
		t.Error("the node did not say that it had found another history")
	}
	eventually(t, func() (bool, string) {
		lag := lagOf(t, dsn)
		return lag == 0, fmt.Sprintf("the views lag by %d", lag)
	})
	must(t, "projections", "verify", "--dsn", dsn)
}

// tables are those that a node writes, in the order in which it locks them.
var tables = []string{"inflight", "nodes", "consumer_offsets", "heads", "reservations", "events", "outbox", "dead_letters", "checkpoints", "orders"}

// rows are the rows of a table.
type rows struct {
	columns []string
	values  [][]any
}

// contents are the rows of all tables.
type contents map[string]rows

// save reads all tables in one transaction: on SQLite nobody writes in between.
func save(t *testing.T, db *schema.DB) contents {
	t.Helper()
	all := contents{}
	err := db.InTx(t.Context(), func(tx *schema.Tx) error {
		for _, table := range tables {
			r, err := readAll(t.Context(), tx, table)
			if err != nil {
				return err
			}
			all[table] = r
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readAll(ctx context.Context, tx *schema.Tx, table string) (r rows, err error) {
	read, err := tx.QueryContext(ctx, `SELECT * FROM `+table)
	if err != nil {
		return r, err
	}
	defer func() { _ = read.Close() }()
	if r.columns, err = read.Columns(); err != nil {
		return r, err
	}
	for read.Next() {
		row, at := make([]any, len(r.columns)), make([]any, len(r.columns))
		for i := range row {
			at[i] = &row[i]
		}
		if err := read.Scan(at...); err != nil {
			return r, err
		}
		r.values = append(r.values, row)
	}
	return r, read.Err()
}

// putBack replaces the rows of all tables. The triggers that forbid it are gone afterwards.
func (all contents) putBack(t *testing.T, db *schema.DB) {
	t.Helper()
	guards := `SELECT name FROM sqlite_master WHERE type = 'trigger'`
	if db.Dialect().Name() == "sqlserver" {
		guards = `SELECT name FROM sys.triggers`
	}
	err := db.InTx(t.Context(), func(tx *schema.Tx) error {
		names, err := tx.QueryContext(t.Context(), guards)
		if err != nil {
			return err
		}
		statements, err := drops(names)
		if err != nil {
			return err
		}
		for _, table := range tables {
			statements = append(statements, `DELETE FROM `+table)
		}
		for _, s := range statements {
			if _, err := tx.ExecContext(t.Context(), s); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		for _, table := range tables {
			if err := all[table].insert(t.Context(), tx, table); err != nil {
				return fmt.Errorf("%s: %w", table, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func drops(names *sql.Rows) (statements []string, err error) {
	defer func() { _ = names.Close() }()
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			return nil, err
		}
		statements = append(statements, `DROP TRIGGER `+name)
	}
	return statements, names.Err()
}

func (r rows) insert(ctx context.Context, tx *schema.Tx, table string) error {
	places := make([]string, len(r.columns))
	for i := range places {
		places[i] = fmt.Sprint("?", i+1)
	}
	query := `INSERT INTO ` + table + ` (` + strings.Join(r.columns, ", ") + `) VALUES (` + strings.Join(places, ", ") + `)`
	for _, row := range r.values {
		args := make([]any, len(row))
		for i, v := range row {
			switch v := v.(type) {
			case nil:
				args[i] = sql.NullString{}
			case time.Time:
				args[i] = schema.TimeArg(v)
			default:
				args[i] = v
			}
		}
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}
