package verify

import (
	"bytes"
	"context"
	"slices"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// Orders compares the rows of some orders with their events, and adds what it finds to a report.
func Orders(ctx context.Context, db *schema.DB, log Log, ids []domain.OrderID, report *Report) error {
	// Checkpoints, rows, events: in this order, see comparison.
	checkpoints, err := rows.ReadCheckpoints(ctx, db, rows.LiveTable)
	if err != nil {
		return err
	}
	var stored []rows.Row
	err = rows.TableOf(db, rows.LiveTable).Load(ctx, db, ids, func(r *rows.Row) error { stored = append(stored, *r); return nil })
	if err != nil {
		return err
	}
	slices.SortFunc(stored, func(a, b rows.Row) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	m := merge{rows: stored, done: func(c *comparison) { report.addOrder(c.outcome(checkpoints)) }}
	if err := log.EachEventOf(ctx, ids, m.event); err != nil {
		return err
	}
	m.end()
	return nil
}
