package tail

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"orderflow/domain"
	"orderflow/internal/crashpoint"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// keepOrders is how many orders under way a projector holds at most (each takes one or
// two kilobytes), but for one batch.
const keepOrders = 30_000

// logTail applies one partition of the log, batch by batch.
type logTail struct {
	db        *schema.DB
	log       Log
	conf      *Config
	partition int

	spot            // how far the partition is known to be applied; the hash is nil until a batch was committed
	fold *rows.Fold // nil if no orders are known
	seen bool       // the checkpoint has been seen
	turn turn

	halved int // how many times the size of a batch is halved

	appended atomic.Int64         // the last position that this process has appended
	stopped  atomic.Pointer[stop] // nil: it follows the log
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

// wake says that this process has appended events up to a position.
func (t *logTail) wake(position int64) {
	for was := t.appended.Load(); was < position && !t.appended.CompareAndSwap(was, position); {
		was = t.appended.Load()
	}
}

// follow goes on from the checkpoint where it was seen. moved is true if another projector, or a rebuild, has
// changed it.
// The error is a *rows.CountsError if the counts of the checkpoint cannot be read.
func (t *logTail) follow(at place) (moved bool, err error) {
	moved = t.seen && (t.position != at.position || t.counts != at.counts)
	if t.fold != nil && !moved {
		return false, nil
	}
	if moved {
		t.stopped.Store(nil) // it was said of another position
	}
	t.spot, t.fold, t.seen = spot{position: at.position, counts: at.counts}, nil, true
	counts, damage := rows.DecodeCounts(rows.LiveTable, t.partition, at.counts)
	if damage != nil {
		return moved, damage
	}
	t.fold = rows.NewFold(rows.TableOf(t.db, rows.LiveTable), t.log, counts)
	return moved, nil
}

// catchUp applies the partition up to a head. rows.ErrStill if a batch takes too long: halve says with what to try
// again. Then batches grow as long as they take less than half of the time that they may.
func (t *logTail) catchUp(ctx context.Context, head int64) (applied int, err error) {
	for err == nil && t.position < head {
		was := t.position
		err = t.alike(ctx, head)
		applied += int(t.position - was)
	}
	return applied, err
}

// alike applies batches of one size, until the next one may be larger. While a batch is committed, the next one is
// read.
func (t *logTail) alike(ctx context.Context, head int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	most := t.conf.bounds.batch
	watch := time.AfterFunc(most, func() { cancel(rows.ErrStill) })
	defer watch.Stop()
	begun := time.Now()
	for p := range rows.Pages(ctx, t.log, rows.Span{Partition: t.partition, After: t.position, Until: head}, t.size()) {
		if p.Err == nil {
			p.Err = t.apply(ctx, p.Events)
		}
		if p.Err != nil {
			t.fold = nil // its orders may not be as they are stored
			if errors.Is(context.Cause(ctx), rows.ErrStill) {
				p.Err = fmt.Errorf("partition %d after position %d: %w: %w", t.partition, t.position, rows.ErrStill, p.Err)
			}
			return p.Err
		}
		if t.halved > 0 && time.Since(begun) < most/2 {
			t.halved--
			return nil
		}
		begun = time.Now()
		watch.Reset(most)
	}
	return context.Cause(ctx)
}

// leastBatch is how many events a batch must be allowed to have; see rows.Pages.
const leastBatch = 2

// size is how many events the next batch has at most.
func (t *logTail) size() int { return max(t.conf.BatchSize>>t.halved, leastBatch) }

// halve makes the next batch half as large, and says whether it can be.
func (t *logTail) halve() bool {
	if t.size() == leastBatch {
		return false
	}
	t.halved++
	return true
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
	t.fold.Patience = readWait
	if err := t.fold.Apply(ctx, t.db, events, distrust); err != nil {
		return err
	}
	changes := t.fold.Changes(false, math.MaxInt, math.MaxInt)
	last := spot{events[len(events)-1].Position, events[len(events)-1].Hash, t.fold.Counts().Encode()}
	m := move{partition: t.partition, from: t.spot, to: last}
	fence := m.fence(t.db.Dialect(), t.log)
	if err := t.write(ctx, changes, fence); err != nil {
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

// write writes the rows behind the fence. Where statements cost round trips, a few rows are sent whole, so that a
// projector which falls silent holds no checkpoint.
func (t *logTail) write(ctx context.Context, changes rows.Changes, fence *rows.Fence) error {
	if t.db.Dialect().RoundTrips() {
		if ask, verdict := t.fold.Whole(changes, *fence); ask != nil {
			return verdict(t.db.InBatchBrief(ctx, t.conf.bounds.row, ask))
		}
	}
	return t.db.InTxBrief(ctx, t.conf.bounds.row, func(tx *schema.Tx) error {
		if err := t.fold.Write(ctx, tx, changes, fence); err != nil {
			return err
		}
		crashpoint.Here("projection.written")
		return nil
	})
}

// unmoved is an error if the checkpoint is not where it is believed to be, or is just being moved.
func (t *logTail) unmoved(ctx context.Context) error {
	var position int64
	row := t.db.QueryRowContext(ctx, `SELECT position FROM checkpoints`+t.db.Dialect().SkipLocked()+` WHERE projection = ?1 AND partition = ?2`, rows.LiveTable, t.partition)
	err := row.Scan(&position)
	if errors.Is(err, sql.ErrNoRows) || err == nil && position != t.position {
		return rows.ErrFenced
	}
	return err
}
