package projections

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"orderflow/domain"
)

// crosscheckRows is how many orders are compared by one statement.
const crosscheckRows = 10_000

var lastID = domain.OrderID(bytes.Repeat([]byte{0xff}, 16))

// compare finds what is wrong with the live orders, by comparing them row by row with
// the table next, outside any transaction. The two are not at the same place in the log
// where the system is running, so that a row that differs is then held against the
// events themselves.
func (r *rebuild) compare(ctx context.Context) (report Report, err error) {
	report = newReport()
	var orders int64
	for _, c := range r.built {
		for _, n := range c.counts {
			orders += n
		}
	}
	query := crosscheckQuery(r.table.dialect)
	for after, done := (domain.OrderID{}), int64(0); after != lastID; {
		until, err := r.boundary(ctx, after)
		if err != nil {
			return report, fmt.Errorf("compare the orders: %w", classify(r.db, err))
		}
		suspects, err := readIDs(r.db.QueryContext(ctx, query, after[:], until[:]))
		if err != nil {
			return report, fmt.Errorf("compare the orders: %w", classify(r.db, err))
		}
		if err := r.recheck(ctx, suspects, &report); err != nil {
			return report, err
		}
		after, done = until, min(done+crosscheckRows, orders)
		r.opts.Progress(Progress{Phase: PhaseCompare, Done: done, Total: orders})
	}
	report.Orders = orders + report.Surplus
	return report, nil
}

// boundary is the id up to which the next statement compares.
func (r *rebuild) boundary(ctx context.Context, after domain.OrderID) (domain.OrderID, error) {
	ids, err := readIDs(r.db.QueryContext(ctx, `SELECT order_id FROM `+next+` WHERE order_id > ?1 ORDER BY order_id `+r.table.dialect.nth, after[:], crosscheckRows-1))
	if err != nil || len(ids) == 0 {
		return lastID, err
	}
	return ids[0], nil
}

// crosscheckQuery gives the orders between two ids that the two tables do not have
// alike.
func crosscheckQuery(d dialect) string {
	var differ []string // holds too where o has no such row
	for _, c := range strings.Split(rowColumns, `, `)[1:] {
		text := c != "version" && !strings.HasSuffix(c, "_at")
		condition := d.differ(`o.`+c, `n.`+c, text)
		if c == "steps" { // an earlier program left out the empty members
			condition += ` AND ` + d.differ(`o.steps`, sparseSQL(`n.steps`), text)
		}
		differ = append(differ, `(`+condition+`)`)
	}
	return `SELECT n.order_id FROM ` + next + ` n LEFT JOIN ` + live + ` o ON o.order_id = n.order_id
			WHERE n.order_id > ?1 AND n.order_id <= ?2 AND (` + strings.Join(differ, ` OR `) + `)
		UNION ALL
		SELECT o.order_id FROM ` + live + ` o LEFT JOIN ` + next + ` n ON n.order_id = o.order_id
			WHERE o.order_id > ?1 AND o.order_id <= ?2 AND n.order_id IS NULL`
}

// recheckRows is how many orders are held against their events at once. Their details may
// have a megabyte each.
const recheckRows = 64

// recheck compares the rows of orders with their events.
func (r *rebuild) recheck(ctx context.Context, ids []domain.OrderID, report *Report) error {
	for part := range slices.Chunk(ids, recheckRows) {
		if err := r.recheckPart(ctx, part, report); err != nil {
			return fmt.Errorf("compare the orders from %s: %w", part[0], classify(r.db, err))
		}
	}
	return nil
}

// recheckPart takes a few orders. Checkpoints, rows, events: in this order, see comparison.
func (r *rebuild) recheckPart(ctx context.Context, ids []domain.OrderID, report *Report) error {
	checkpoints, err := readCheckpoints(ctx, r.db, live)
	if err != nil {
		return err
	}
	var stored []row
	err = tableOf(r.db, live).loadWhole(ctx, r.db, ids, func(r *row) error { stored = append(stored, *r); return nil })
	if err != nil {
		return err
	}
	slices.SortFunc(stored, func(a, b row) int { return bytes.Compare(a.id[:], b.id[:]) })
	m := merge{rows: stored, done: func(c *comparison) { report.add(c.outcome(checkpoints)) }}
	if err = r.log.EachEventOf(ctx, ids, m.event); err == nil {
		m.end()
	}
	return err
}

func readIDs(rows *sql.Rows, err error) (ids []domain.OrderID, _ error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		if len(id) != len(lastID) {
			return nil, fmt.Errorf("%w: an order is stored under an id of %d bytes", domain.ErrCorrupt, len(id))
		}
		ids = append(ids, domain.OrderID(id))
	}
	return ids, rows.Err()
}
