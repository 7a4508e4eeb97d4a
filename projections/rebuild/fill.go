package rebuild

import (
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/projections/verify"
	"orderflow/schema"
)

// fillRounds bounds how often a fill goes after events that were appended while it ran.
const fillRounds = 20

// fill applies the log to the next table up to the heads, and again until little is
// left to the heads of then. Afterwards the table holds everything that was read.
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
		for partition, head := range heads {
			if err := r.fillPartition(ctx, phase, partition, heads, head); err != nil {
				return fmt.Errorf("rebuild partition %d: %w", partition, err)
			}
		}
		if small {
			return nil
		}
	}
	return nil
}

// page is what was read of a partition at once.
type page struct {
	events []domain.Recorded
	err    error
}

// fillPartition reads ahead in goroutines of their own while the rows are written. An
// order that ends is written once; one under way is held until it ends, or there are
// too many, or the partition is done.
func (r *rebuild) fillPartition(ctx context.Context, phase string, partition int, heads []int64, head int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &r.built[partition]
	f := rows.NewFold(r.table, r.log, c.Counts)
	for reading := range r.readAhead(ctx, partition, c.Position, head) {
		for p := range reading {
			if p.err != nil {
				return p.err
			}
			if err := f.Apply(ctx, r.db, p.events, false); err != nil {
				return err
			}
			c.Position += int64(len(p.events))
			if err := r.relieve(ctx, f, partition); err != nil {
				return err
			}
			r.conf.Progress(verify.Progress{Phase: phase, Done: r.applied(), Total: rows.Total(heads)})
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.flush(ctx, f, partition, false)
}

// relieve writes what need not be held any longer.
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
			if err := f.Write(ctx, tx, changes); err != nil {
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

// readAhead reads a partition in ranges up to a position, a few of them at the same time,
// and gives them in order, each in pages. The channel is closed after the last range, and when
// ctx ends.
func (r *rebuild) readAhead(ctx context.Context, partition int, after, until int64) <-chan chan page {
	ranges := make(chan chan page, 1)
	go func() {
		defer close(ranges)
		for after < until {
			from, size := after, min(until-after, int64(r.conf.BatchSize))
			one := make(chan page, 1)
			go r.read(ctx, partition, from, int(size), one)
			select {
			case <-ctx.Done():
				return
			case ranges <- one:
			}
			after += size
		}
	}()
	return ranges
}

// read gives a range of events, of which each is known to be there, in pages, and closes the
// channel after the last, after an error, and when ctx ends.
func (r *rebuild) read(ctx context.Context, partition int, after int64, size int, to chan<- page) {
	defer close(to)
	for size > 0 {
		events, err := rows.ReadLog(ctx, r.log, partition, after, size)
		if err == nil && len(events) == 0 {
			err = fmt.Errorf("%w: partition %d of the log ends at position %d, before its head", domain.ErrCorrupt, partition, after)
		}
		select {
		case <-ctx.Done():
			return
		case to <- page{events: events, err: err}:
		}
		if err != nil {
			return
		}
		after, size = after+int64(len(events)), size-len(events)
	}
}
