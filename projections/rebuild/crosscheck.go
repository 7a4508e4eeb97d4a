package rebuild

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/projections/verify"
	"orderflow/schema"
)

// crosscheckRows is how many orders are compared by one statement.
const crosscheckRows = 10_000

// compare finds what is wrong with the live orders, by comparing them row by row with
// the next table, outside any transaction. While the system runs the two tables
// are not at the same position of the log, so that each row that differs is then compared with the
// events themselves.
func (r *rebuild) compare(ctx context.Context) (report verify.Report, err error) {
	report = verify.NewReport()
	var orders int64
	for _, c := range r.built {
		for _, n := range c.Counts {
			orders += n
		}
	}
	query := crosscheckQuery(r.table.Dialect)
	for after, done := (domain.OrderID{}), int64(0); after != rows.LastID; {
		until, err := r.boundary(ctx, after)
		if err != nil {
			return report, fmt.Errorf("compare the orders: %w", rows.Classify(r.db, err))
		}
		suspects, err := r.readIDs(ctx, query, after[:], until[:])
		if err != nil {
			return report, fmt.Errorf("compare the orders: %w", rows.Classify(r.db, err))
		}
		if err := r.recheck(ctx, suspects, &report); err != nil {
			return report, err
		}
		after, done = until, min(done+crosscheckRows, orders)
		r.conf.Progress(verify.Progress{Phase: verify.PhaseCompare, Done: done, Total: orders})
	}
	report.Orders = orders + report.Surplus
	return report, nil
}

// boundary is the id up to which the next statement compares.
func (r *rebuild) boundary(ctx context.Context, after domain.OrderID) (domain.OrderID, error) {
	ids, err := r.readIDs(ctx, `SELECT order_id FROM `+rows.NextTable+` WHERE order_id > ?1 ORDER BY order_id `+r.table.Dialect.Nth, after[:], crosscheckRows-1)
	if err != nil || len(ids) == 0 {
		return rows.LastID, err
	}
	return ids[0], nil
}

// crosscheckQuery gives the orders between two ids that the two tables do not have
// alike.
func crosscheckQuery(d rows.Dialect) string {
	var differ []string // holds too where o has no such row
	for _, c := range strings.Split(rows.Columns, `, `)[1:] {
		text := c != "version" && !strings.HasSuffix(c, "_at")
		condition := d.Differ(`o.`+c, `n.`+c, text)
		if c == "steps" { // an earlier program left out the empty members
			condition += ` AND ` + d.Differ(`o.steps`, rows.SparseSQL(`n.steps`), text)
		}
		differ = append(differ, `(`+condition+`)`)
	}
	return `SELECT n.order_id FROM ` + rows.NextTable + ` n LEFT JOIN ` + rows.LiveTable + ` o ON o.order_id = n.order_id
			WHERE n.order_id > ?1 AND n.order_id <= ?2 AND (` + strings.Join(differ, ` OR `) + `)
		UNION ALL
		SELECT o.order_id FROM ` + rows.LiveTable + ` o LEFT JOIN ` + rows.NextTable + ` n ON n.order_id = o.order_id
			WHERE o.order_id > ?1 AND o.order_id <= ?2 AND n.order_id IS NULL`
}

// recheckRows is how many orders are compared with their events at once. Their details may
// have a megabyte each.
const recheckRows = 64

// recheck compares the rows of orders with their events.
func (r *rebuild) recheck(ctx context.Context, ids []domain.OrderID, report *verify.Report) error {
	for part := range slices.Chunk(ids, recheckRows) {
		if err := verify.Orders(ctx, r.db, r.log, part, report); err != nil {
			return fmt.Errorf("compare the orders from %s: %w", part[0], rows.Classify(r.db, err))
		}
	}
	return nil
}

func (r *rebuild) readIDs(ctx context.Context, query string, args ...any) ([]domain.OrderID, error) {
	return schema.Collect(ctx, r.db, func(answer *sql.Rows, id *domain.OrderID) error {
		var stored []byte
		if err := answer.Scan(&stored); err != nil {
			return err
		}
		if len(stored) != len(id) {
			return fmt.Errorf("%w: an order is stored under an id of %d bytes", domain.ErrCorrupt, len(stored))
		}
		*id = domain.OrderID(stored)
		return nil
	}, query, args...)
}
