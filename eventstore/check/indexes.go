package check

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"

	"orderflow/schema"
)

// ordersTable is the view of the orders, which has several indexes.
const ordersTable = "orders"

// rowsAtOnce is how many rows are held against an index by one statement, so that none keeps its
// snapshot for long.
const rowsAtOnce = 20_000

// swaps bounds how often the indexes are read again, since a rebuild of the view that ends meanwhile
// puts another table with indexes of other names in its place.
const swaps = 10

// orderIndexes holds every row of the view of the orders against each of its indexes. On SQL Server
// that is the business of DBCC CHECKDB.
func (l *look) orderIndexes(ctx context.Context) error {
	if l.db.Dialect().Name() != "sqlite" {
		return nil
	}
	var found []Violation
	err := schema.ErrStatement
	for n := 0; n < swaps && errors.Is(err, schema.ErrStatement); n++ {
		found, err = l.indexes(ctx)
	}
	for _, v := range found {
		l.found(v)
	}
	return err
}

// indexes compares the view with the indexes that it has now.
func (l *look) indexes(ctx context.Context) (found []Violation, err error) {
	indexes, err := readIndexes(ctx, l.db, ordersTable)
	if err != nil {
		return nil, fmt.Errorf("read the indexes of %s: %w", ordersTable, err)
	}
	if l.conf.indexed != nil {
		l.conf.indexed()
	}
	for _, i := range indexes {
		some, err := l.index(ctx, i)
		if found = append(found, some...); err != nil {
			return found, fmt.Errorf("compare %s with its index %s: %w", ordersTable, i.name, err)
		}
	}
	return found, nil
}

// sqliteIndex is an index of a table with a rowid.
type sqliteIndex struct {
	table, name string
	columns     []string
	where       string // of a partial index; empty if it has all rows
}

func readIndexes(ctx context.Context, db *schema.DB, table string) (all []sqliteIndex, err error) {
	type column struct{ index, text, name string }
	columns, err := schema.Collect(ctx, db, func(rows *sql.Rows, c *column) error { return rows.Scan(&c.index, &c.text, &c.name) },
		`SELECT l.name, COALESCE(m.sql, ''), i.name FROM pragma_index_list(?1) l
			JOIN sqlite_master m ON m.name = l.name JOIN pragma_index_info(l.name) i ORDER BY l.seq, i.seqno`, table)
	for _, c := range columns {
		if len(all) == 0 || all[len(all)-1].name != c.index {
			_, where, _ := strings.Cut(c.text, " WHERE ")
			all = append(all, sqliteIndex{table: table, name: c.index, where: where})
		}
		last := &all[len(all)-1]
		last.columns = append(last.columns, c.name)
	}
	return all, err
}

// index checks that the index leads to every row, and has no other.
func (l *look) index(ctx context.Context, i sqliteIndex) (found []Violation, err error) {
	for after := int64(math.MinInt64); ; {
		missing, last, err := l.missing(ctx, i, after)
		if err != nil {
			return found, err
		}
		if missing > 0 {
			found = append(found, Violation{Kind: Hidden, Partition: -1, What: fmt.Sprintf("index %s of table %s does not lead to %d rows", i.name, i.table, missing)})
		}
		if !last.Valid || last.Int64 <= after {
			break
		}
		after = last.Int64
	}
	var rows, entries int64
	err = l.db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM `+i.table+` NOT INDEXED`+i.condition(" WHERE ")+`),
		(SELECT COUNT(*) FROM `+i.table+` INDEXED BY `+i.name+i.condition(" WHERE ")+`)`).Scan(&rows, &entries)
	if err == nil && rows != entries {
		found = append(found, Violation{Kind: Hidden, Partition: -1, What: fmt.Sprintf("index %s of table %s has %d entries for %d rows", i.name, i.table, entries, rows)})
	}
	return found, l.db.Translate(err)
}

// condition is that of a partial index, if it is one.
func (i sqliteIndex) condition(word string) string {
	if i.where == "" {
		return ""
	}
	return word + i.where
}

// missing counts the rows after a rowid that the index should lead to and does not, of so many rows,
// and says which the last one was.
func (l *look) missing(ctx context.Context, i sqliteIndex, after int64) (missing int64, last sql.NullInt64, err error) {
	same := []string{`x.rowid = t.id`}
	for _, column := range i.columns {
		same = append(same, `x.`+column+` IS t.`+column)
	}
	included := "1"
	if i.where != "" {
		included = i.where
	}
	err = l.db.QueryRowContext(ctx, `SELECT COALESCE(SUM(included AND NOT EXISTS (SELECT 1 FROM `+i.table+` AS x INDEXED BY `+i.name+`
			WHERE `+strings.Join(same, " AND ")+i.condition(" AND ")+`)), 0), MAX(id)
		FROM (SELECT rowid AS id, (`+included+`) AS included, `+strings.Join(i.columns, ", ")+` FROM `+i.table+` NOT INDEXED WHERE rowid > ?1 ORDER BY rowid LIMIT ?2) t`,
		after, rowsAtOnce).Scan(&missing, &last)
	return missing, last, l.db.Translate(err)
}
