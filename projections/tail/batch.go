package tail

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"orderflow/domain"
	"orderflow/internal/crashpoint"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// keepOrders is how many orders under way a projector holds at most (each takes one or
// two kilobytes), but for one batch.
const keepOrders = 30_000

// errMoved says that another projector has moved the checkpoint, or that the log is not the one
// that was folded.
var errMoved = errors.New("the checkpoint has been moved by another projector, or the log is another one")

// logTail applies one partition of the log, batch by batch.
type logTail struct {
	db        *schema.DB
	log       Log
	conf      *Config
	partition int

	spot            // how far the partition is known to be applied; the hash is nil until a batch was committed
	fold *rows.Fold // nil if nothing is known

	stopped atomic.Pointer[stop] // nil: it follows the log
}

// stop says that a projector cannot go on after a position: the next event is newer than this
// program, or the counts of the checkpoint cannot be read.
type stop struct {
	after int64
	err   error
}

// note records how applying the partition ended. news is true if it has stopped at a new position.
func (t *logTail) note(err error) (news bool) {
	var damage *rows.CountsError
	was := t.stopped.Load()
	switch {
	case errors.Is(err, domain.ErrNewer) || errors.As(err, &damage):
		t.stopped.Store(&stop{after: t.position, err: err})
		return was == nil || was.after != t.position
	case err == nil:
		t.stopped.Store(nil)
	}
	return false
}

// follow goes on from the checkpoint that was read. others is true if another projector has moved it.
// The error is a *rows.CountsError if the counts of the checkpoint cannot be read.
func (t *logTail) follow(c rows.Checkpoint) (others bool, err error) {
	if t.fold != nil && t.position == c.Position {
		return false, nil
	}
	others = t.fold != nil
	t.spot, t.fold = spot{position: c.Position}, nil
	if c.Damage != nil {
		return others, c.Damage
	}
	t.fold = rows.NewFold(rows.TableOf(t.db, rows.LiveTable), t.log, c.Counts)
	return others, nil
}

// catchUp applies the partition up to a head. While a batch is committed, the next one
// is read.
func (t *logTail) catchUp(ctx context.Context, head int64) (applied int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for p := range rows.Pages(ctx, t.log, rows.Span{Partition: t.partition, After: t.position, Until: head}, t.conf.BatchSize) {
		if p.Err == nil {
			p.Err = t.apply(ctx, p.Events)
		}
		if p.Err != nil {
			t.fold = nil // its orders may not be as they are stored
			return applied, p.Err
		}
		applied += len(p.Events)
	}
	return applied, ctx.Err()
}

// apply applies the next events of the partition. Everything is read and folded before
// the transaction, which is then as short as it can be: it moves the checkpoint, if it
// is still where it was, and writes the rows.
func (t *logTail) apply(ctx context.Context, events []domain.Recorded) error {
	err := t.commit(ctx, events, false)
	if errors.Is(err, rows.ErrAltered) {
		t.fold = t.fold.Again()
		err = t.commit(ctx, events, true)
	}
	if err != nil {
		return fmt.Errorf("partition %d, positions %d to %d: %w", t.partition, events[0].Position, events[len(events)-1].Position, rows.Classify(t.db, err))
	}
	return nil
}

// commit folds the events and commits the rows. With distrust it folds orders from their streams and not
// from their rows.
func (t *logTail) commit(ctx context.Context, events []domain.Recorded, distrust bool) error {
	t.fold.Suspect = t.unmoved // a row that is ahead is no harm done if another projector has just written it
	if err := t.fold.Apply(ctx, t.db, events, distrust); err != nil {
		return err
	}
	changes := t.fold.Changes(false, math.MaxInt, math.MaxInt)
	last := spot{events[len(events)-1].Position, events[len(events)-1].Hash}
	m := move{partition: t.partition, from: t.spot, to: last, counts: t.fold.Counts()}
	err := t.db.InTx(ctx, func(tx *schema.Tx) error {
		moved, err := m.commit(ctx, tx, t.log)
		if err != nil {
			return err
		}
		if !moved {
			return errMoved
		}
		if err := t.fold.Write(ctx, tx, changes); err != nil {
			return err
		}
		crashpoint.Here("projection.written")
		return nil
	})
	if err != nil {
		return err
	}
	crashpoint.Here("projection.committed")
	t.spot = last
	for _, err := range t.fold.Mended {
		t.conf.OnError(err)
	}
	t.fold.Committed(keepOrders / t.log.Partitions())
	return nil
}

// unmoved is an error if the checkpoint is not where it is believed to be.
func (t *logTail) unmoved(ctx context.Context) error {
	checkpoints, err := rows.ReadCheckpoints(ctx, t.db, rows.LiveTable)
	if err == nil && checkpoints[t.partition].Position != t.position {
		err = errMoved
	}
	return err
}
