package rebuild

import (
	"context"
	"fmt"

	"orderflow/projections/internal/rows"
	"orderflow/projections/verify"
	"orderflow/schema"
)

// fillRounds bounds how often a fill reads on for events that were appended while it ran.
const fillRounds = 20

// fill applies the log to the next table up to the heads, and repeats that until fewer events than a
// batch were left. Afterwards all events that were read are in the table.
func (r *rebuild) fill(ctx context.Context, phase string) error {
	for range fillRounds {
		heads, err := r.log.Heads(ctx)
		if err != nil {
			return err
		}
		if r.left(heads) == 0 {
			return nil
		}
		small := r.left(heads) < int64(r.conf.BatchSize)
		for partition := range heads {
			if err := r.fillPartition(ctx, phase, partition, heads); err != nil {
				return fmt.Errorf("rebuild partition %d: %w", partition, err)
			}
		}
		if small {
			return nil
		}
	}
	return nil
}

// fillPartition reads ahead while the rows are written. An order that ends is written once; one
// under way is held until it ends, or there are too many, or the partition is done.
func (r *rebuild) fillPartition(ctx context.Context, phase string, partition int, heads []int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &r.built[partition]
	f := rows.NewFold(r.table, r.log, c.Counts)
	span := rows.Span{Partition: partition, After: c.Position, Until: heads[partition]}
	for p := range rows.Pages(ctx, r.log, span, r.conf.BatchSize) {
		if p.Err != nil {
			return p.Err
		}
		if err := f.Apply(ctx, r.db, p.Events, false); err != nil {
			return err
		}
		c.Position += int64(len(p.Events))
		if err := r.relieve(ctx, f, partition); err != nil {
			return err
		}
		r.conf.Progress(verify.Progress{Phase: phase, Done: r.applied(), Total: rows.Total(heads)})
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.flush(ctx, f, partition, false)
}

// relieve keeps the fold within its limits. It writes the orders that have ended once they fill a
// transaction, and all orders once the fold holds too many.
func (r *rebuild) relieve(ctx context.Context, f *rows.Fold, partition int) error {
	orders, bytes := f.Holds()
	full := orders > r.conf.limits.orders || bytes > r.conf.limits.bytes
	if !full && f.Ended() < r.conf.limits.rows {
		return nil
	}
	return r.flush(ctx, f, partition, !full)
}

// flush writes the orders touched, or those that have ended, in small transactions.
func (r *rebuild) flush(ctx context.Context, f *rows.Fold, partition int, endedOnly bool) error {
	c := &r.built[partition]
	for {
		changes := f.Changes(endedOnly, r.conf.limits.rows, writtenBytes)
		if changes.None() {
			return nil
		}
		err := r.lock.inTx(ctx, func(tx *schema.Tx) error {
			if err := f.Write(ctx, tx, changes, nil); err != nil {
				return err
			}
			// Only to be seen from outside: a rebuild that is killed starts over.
			return rows.SetCheckpoint(ctx, tx, rows.NextTable, partition, rows.Checkpoint{Position: c.Position, Counts: f.Counts()})
		})
		if err != nil {
			return err
		}
		f.Committed(r.conf.limits.orders)
		c.Counts = f.Counts()
	}
}
