package projections

import (
	"context"
	"errors"
	"fmt"
	"math"

	"orderflow/domain"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
)

// keepOrders is how many orders under way a projector holds at most (each takes one or
// two kilobytes), but for one batch.
const keepOrders = 30_000

// errMoved says that another projector has moved the checkpoint, or that the log is not the one
// that was folded.
var errMoved = errors.New("the checkpoint has been moved by another projector, or the log is another one")

// tail is how far a projector knows a partition to be applied.
type tail struct {
	spot       // its hash is nil until a batch was committed
	fold *fold // nil if nothing is known
}

// follow takes over the checkpoint that was read, and says whether another projector
// has moved it. It is a *countsError if nothing can be taken over.
func (t *tail) follow(tb table, log Log, c checkpoint) (others bool, err error) {
	if t.fold != nil && t.position == c.position {
		return false, nil
	}
	others = t.fold != nil
	if c.damage != nil {
		*t = tail{spot: spot{position: c.position}}
		return others, c.damage
	}
	t.spot, t.fold = spot{position: c.position}, newFold(tb, log, c.counts)
	return others, nil
}

// catchUp applies one partition up to a head. While a batch is committed, the next one
// is read.
func (p *Projector) catchUp(ctx context.Context, partition int, head int64) (applied int, err error) {
	t := &p.tails[partition]
	if t.position >= head {
		p.note(partition, nil)
		return 0, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for reading := p.read(ctx, partition, t.position, head); reading != nil; {
		b := <-reading
		reading = nil
		if b.err == nil {
			if last := b.events[len(b.events)-1].Position; last < head {
				reading = p.read(ctx, partition, last, head)
			}
			b.err = p.apply(ctx, partition, b.events)
		}
		if b.err != nil {
			p.note(partition, b.err)
			*t = tail{} // what it held may not be what is stored
			return applied, b.err
		}
		applied += len(b.events)
	}
	p.note(partition, nil)
	return applied, nil
}

// note takes down where a partition has stopped, and says once that it has in front of an event.
func (p *Projector) note(partition int, err error) {
	if p.stops.note(partition, p.tails[partition].position, err) && errors.Is(err, domain.ErrNewer) {
		p.opts.OnError(fmt.Errorf("projection %s: the views stop in front of an event, until a newer version of the program goes on: %w", live, err))
	}
}

// read reads the batch after a position.
func (p *Projector) read(ctx context.Context, partition int, after, head int64) <-chan page {
	reading := make(chan page, 1)
	go func() {
		size := min(head-after, int64(p.opts.BatchSize))
		events, err := readLog(ctx, p.log, partition, after, int(size))
		if n := len(events); n > 1 && events[n-1].Position < head {
			events = whole(events)
		}
		if err == nil && len(events) == 0 {
			err = fmt.Errorf("%w: partition %d of the log ends at position %d, before its head", domain.ErrCorrupt, partition, after)
		}
		reading <- page{events: events, err: err}
	}()
	return reading
}

// apply applies the next events of a partition. Everything is read and folded before
// the transaction, which is then as short as it can be: it moves the checkpoint, if it
// is still where it was, and writes the rows.
func (p *Projector) apply(ctx context.Context, partition int, events []domain.Recorded) error {
	t := &p.tails[partition]
	err := p.commit(ctx, partition, events, false)
	if errors.Is(err, errAltered) {
		t.fold = newFold(t.fold.table, p.log, t.fold.stored)
		err = p.commit(ctx, partition, events, true)
	}
	if err != nil {
		return fmt.Errorf("partition %d, positions %d to %d: %w", partition, events[0].Position, events[len(events)-1].Position, classify(p.db, err))
	}
	return nil
}

// whole leaves out the last event of a batch that was cut off, if another of the same
// decision follows it, so that no view shows half of a decision.
func whole(events []domain.Recorded) []domain.Recorded {
	last := len(events) - 1
	followed := false
	switch e := events[last].Event.(type) {
	case domain.StepCompleted:
		_, more := e.Step.Next()
		followed = !more // by OrderCompleted
	case domain.StepRolledBack:
		followed = e.Step == domain.Steps()[0] // by OrderFailed
	}
	if followed {
		return events[:last]
	}
	return events
}

// unmoved is an error if the checkpoint is not where the tail believes it to be.
func (p *Projector) unmoved(ctx context.Context, partition int) error {
	checkpoints, err := readCheckpoints(ctx, p.db, live)
	if err == nil && checkpoints[partition].position != p.tails[partition].position {
		err = errMoved
	}
	return err
}

// commit folds the events and commits the outcome; with distrust, from the streams of
// the orders and not from their rows.
func (p *Projector) commit(ctx context.Context, partition int, events []domain.Recorded, distrust bool) error {
	t := &p.tails[partition]
	// A row that is ahead is no harm done if another projector has just written it.
	t.fold.suspect = func(ctx context.Context) error { return p.unmoved(ctx, partition) }
	if err := t.fold.apply(ctx, p.db, events, distrust); err != nil {
		return err
	}
	changes := t.fold.changes(false, math.MaxInt, math.MaxInt)
	last := spot{events[len(events)-1].Position, events[len(events)-1].Hash}
	m := move{projection: live, partition: partition, from: t.spot, to: last, counts: t.fold.counts}
	err := p.db.InTx(ctx, func(tx *schema.Tx) error {
		moved, err := m.commit(ctx, tx, p.log)
		if err != nil {
			return err
		}
		if !moved {
			return errMoved
		}
		if err := t.fold.write(ctx, tx, changes); err != nil {
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
	for _, err := range t.fold.mended {
		p.opts.OnError(err)
	}
	t.fold.settle(keepOrders / len(p.tails))
	return nil
}
