package check

import (
	"context"
	"fmt"
	"strings"
)

// vouched are the tables whose every value is of the kind that its column declares.
var vouched = []string{"events", "heads", "reservations", ordersTable}

// deep has SQLite check its own file: that pages hang together, that rows can be read and lie in
// order, and that every index has what its table has. It also looks for values of another kind than
// their column's, which SQLite allows and this program never writes. On SQL Server DBCC CHECKDB does
// the former, and the latter cannot be.
func (c *run) deep(ctx context.Context) error {
	if c.db.Dialect().Name() != "sqlite" {
		return nil
	}
	found, err := c.texts(ctx, fmt.Sprintf(`PRAGMA integrity_check(%d)`, c.opts.Keep))
	if err != nil {
		return fmt.Errorf("integrity check: %w", err)
	}
	for _, what := range found {
		if what != "ok" {
			c.violation(Violation{Kind: Damaged, Partition: -1, What: what})
		}
	}
	for _, table := range vouched {
		if err := c.kinds(ctx, table); err != nil {
			return fmt.Errorf("check the kinds of values of %s: %w", table, err)
		}
	}
	return nil
}

// kinds looks for values of the wrong kind in a table.
func (c *run) kinds(ctx context.Context, table string) error {
	wrong, err := c.texts(ctx, `SELECT 'typeof(' || name || ') NOT IN (' || quote(lower(type)) || IIF("notnull", '', ', ''null''') || ')' FROM pragma_table_info(?1)`, table)
	if err != nil || len(wrong) == 0 {
		return err
	}
	rows, err := c.texts(ctx, `SELECT COUNT(*) FROM `+table+` NOT INDEXED WHERE `+strings.Join(wrong, " OR "))
	if err == nil && rows[0] != "0" {
		c.violation(Violation{Kind: Damaged, Partition: -1, What: fmt.Sprintf("%s rows of table %s have a value of another kind than its column", rows[0], table)})
	}
	return err
}

// texts gives an answer of one column.
func (c *run) texts(ctx context.Context, query string, args ...any) (all []string, err error) {
	rows, err := c.db.QueryContext(ctx, query, args...)
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
	return all, c.db.Translate(rows.Err())
}
