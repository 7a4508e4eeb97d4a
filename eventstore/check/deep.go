package check

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"orderflow/schema"
)

// vouched are the tables whose every value is of the kind that its column declares.
var vouched = []string{"events", "heads", "reservations", ordersTable}

// deep lets SQLite check its own file: pages, the order of rows, and indexes against tables. It also looks
// for values of another kind than their column's, which SQLite allows and this program never writes. On
// SQL Server it does nothing: DBCC CHECKDB does the former, and the latter is impossible.
func (l *look) deep(ctx context.Context) error {
	if !l.conf.Deep || l.db.Dialect().Name() != "sqlite" {
		return nil
	}
	found, err := l.texts(ctx, fmt.Sprintf(`PRAGMA integrity_check(%d)`, l.conf.Keep))
	if err != nil {
		return fmt.Errorf("integrity check: %w", err)
	}
	for _, what := range found {
		if what != "ok" {
			l.found(Violation{Kind: Damaged, Partition: -1, What: what})
		}
	}
	for _, table := range vouched {
		if err := l.kinds(ctx, table); err != nil {
			return fmt.Errorf("check the kinds of values of %s: %w", table, err)
		}
	}
	return nil
}

// kinds looks for values of the wrong kind in a table.
func (l *look) kinds(ctx context.Context, table string) error {
	wrong, err := l.texts(ctx, `SELECT 'typeof(' || name || ') NOT IN (' || quote(lower(type)) || IIF("notnull", '', ', ''null''') || ')' FROM pragma_table_info(?1)`, table)
	if err != nil || len(wrong) == 0 {
		return err
	}
	rows, err := l.texts(ctx, `SELECT COUNT(*) FROM `+table+` NOT INDEXED WHERE `+strings.Join(wrong, " OR "))
	if err == nil && rows[0] != "0" {
		l.found(Violation{Kind: Damaged, Partition: -1, What: fmt.Sprintf("%s rows of table %s have a value of another kind than its column", rows[0], table)})
	}
	return err
}

// texts gives an answer of one column.
func (l *look) texts(ctx context.Context, query string, args ...any) ([]string, error) {
	return schema.Collect(ctx, l.db, func(rows *sql.Rows, s *string) error { return rows.Scan(s) }, query, args...)
}
