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

// Part compares the rows and the streams of the orders after one id and up to another, at most 300 rows of them, and
// adds what it finds to a report. It gives the id up to which it came. The caller bounds the streams, by the id up to
// which it asks.
func Part(ctx context.Context, db *schema.DB, log Log, after, end domain.OrderID, report *Report) (until domain.OrderID, err error) {
	v := &verification{db: db, log: log, table: rows.TableOf(db, rows.LiveTable)}
	p := v.read(ctx, after)
	if p.err != nil {
		return after, rows.Classify(db, p.err)
	}
	if bytes.Compare(end[:], p.until[:]) < 0 {
		p.until = end
		p.rows = slices.DeleteFunc(p.rows, func(r rows.Row) bool { return bytes.Compare(r.ID[:], end[:]) > 0 })
	}
	until = p.until
	p = v.compare(ctx, after, p)
	if p.err != nil {
		return after, rows.Classify(db, p.err)
	}
	report.Events += p.events
	for _, c := range p.compared {
		report.addOrder(c.outcome(p.checkpoints))
	}
	return until, nil
}

// LastID is the id after which there is no other: the end of a walk.
var LastID = rows.LastID
