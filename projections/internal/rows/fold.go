package rows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"orderflow/domain"
)

// ErrStill says that a batch took too long.
var ErrStill = errors.New("the views have come no further for too long")

// Fold applies batches of events to orders and says which rows to write. It keeps
// the orders that are under way from batch to batch, so that their rows need not be
// read again; that is good as long as nobody else moves the checkpoint. A fold whose
// batch could not be committed must be given up.
type Fold struct {
	// Suspect, if it is not nil, is called before the first order of a batch is mended. Its error
	// ends the batch.
	Suspect func(context.Context) error
	// Patience bounds how long the rows of a batch are read, where it is not 0; ErrStill if that is not enough.
	Patience time.Duration
	// Mended has an error for each row that was found wrong and mended since the last commit.
	Mended []error

	table   Table
	log     Log
	counts  Counts
	stored  Counts // as the checkpoint has them
	orders  map[domain.OrderID]*entry
	touched []*entry // by batches, and not yet taken by Changes
	writing []*entry // taken by Changes, until they are committed
	bytes   int      // of the details held
}

// entry is an order that a fold keeps.
type entry struct {
	order   domain.Order
	was     Placement      // as its row has it
	asked   domain.Request // as its row has it
	stored  bool           // it has a row
	touched bool
	mended  bool // its row, if any, is not to be trusted: it is replaced
}

// NewFold makes a fold of the events after a checkpoint with these counts.
func NewFold(t Table, log Log, c Counts) *Fold {
	return &Fold{table: t, log: log, counts: c.clone(), stored: c.clone(), orders: map[domain.OrderID]*entry{}}
}

// Again is a fold as this one was when its last changes were committed, which holds no orders.
func (f *Fold) Again() *Fold { return NewFold(f.table, f.log, f.stored) }

// Counts are the counts of orders after the changes that have been taken.
func (f *Fold) Counts() Counts { return f.counts }

// Holds is how many orders are held, and how many bytes of details that are not written yet.
func (f *Fold) Holds() (orders, bytes int) { return len(f.orders), f.bytes }

// Apply reads the rows that a batch of one partition needs from q and applies the
// events. With distrust, every order touched is folded from its stream instead.
func (f *Fold) Apply(ctx context.Context, q Querier, events []domain.Recorded, distrust bool) error {
	if !distrust {
		if err := f.load(ctx, q, events); err != nil {
			return err
		}
	}
	for _, r := range events {
		if err := f.one(ctx, r, events, distrust); err != nil {
			return err
		}
	}
	return nil
}

// load reads the rows of orders that are neither held nor begin in this batch.
func (f *Fold) load(ctx context.Context, q Querier, events []domain.Recorded) error {
	brief, cancel := ctx, func() {}
	if f.Patience > 0 {
		brief, cancel = context.WithTimeout(ctx, f.Patience)
	}
	defer cancel()
	asked := map[domain.OrderID]bool{}
	var ids []domain.OrderID
	for _, r := range events {
		if f.orders[r.OrderID] == nil && !asked[r.OrderID] {
			asked[r.OrderID] = true
			if r.Version > 1 {
				ids = append(ids, r.OrderID)
			}
		}
	}
	err := f.table.load(brief, q, ids, StateColumns, func(r *Row) error {
		o, err := r.Order()
		if errors.Is(err, domain.ErrCorrupt) {
			return nil // it is folded from its stream
		}
		f.orders[r.ID] = &entry{order: o, stored: true, was: r.Placement, asked: o.Request}
		return err
	})
	if err != nil && brief.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrStill, err)
	}
	if err != nil {
		return fmt.Errorf("read the rows of %d orders: %w", len(ids), err)
	}
	return nil
}

// one applies one event of a batch.
func (f *Fold) one(ctx context.Context, r domain.Recorded, batch []domain.Recorded, distrust bool) error {
	e := f.orders[r.OrderID]
	switch {
	case e != nil && e.mended && r.Version <= e.order.Version:
		return nil // its stream was folded past this event
	case e == nil && r.Version == 1 && !distrust:
		e = &entry{}
		f.orders[r.OrderID] = e
	case e == nil || r.Version != e.order.Version+1 || distrust && !e.mended:
		return f.mend(ctx, r, batch)
	}
	f.touch(e)
	if err := e.order.Apply(r); err != nil {
		return fmt.Errorf("apply event at partition %d, position %d: %w", r.Partition, r.Position, err)
	}
	if r.Version == 1 {
		f.bytes += len(e.order.Detail)
	}
	return nil
}

func (f *Fold) touch(e *entry) {
	if !e.touched {
		e.touched = true
		f.touched = append(f.touched, e)
	}
}

// mend folds an order whose row is gone, or not at the version before r, from its
// stream up to the end of the batch.
func (f *Fold) mend(ctx context.Context, r domain.Recorded, batch []domain.Recorded) error {
	if f.Suspect != nil && len(f.Mended) == 0 {
		if err := f.Suspect(ctx); err != nil {
			return err
		}
	}
	stream, err := f.log.Load(ctx, r.OrderID)
	if err != nil {
		return fmt.Errorf("mend the row of order %s: %w", r.OrderID, err)
	}
	first, last := batch[0].Position, batch[len(batch)-1].Position
	e := &entry{mended: true}
	for _, s := range stream {
		if s.Position > last {
			break
		}
		if err := e.order.Apply(s); err != nil {
			return err
		}
		if s.Position < first {
			e.was = placementOf(e.order)
		}
	}
	if e.order.Version < r.Version {
		return fmt.Errorf("%w: the stream of order %s ends at version %d before position %d of partition %d, which has version %d",
			domain.ErrCorrupt, r.OrderID, e.order.Version, r.Position, r.Partition, r.Version)
	}
	f.Mended = append(f.Mended, fmt.Errorf("the row of order %s was not as the projection left it before version %d: made anew from its stream", r.OrderID, r.Version))
	f.orders[r.OrderID] = e
	f.bytes += len(e.order.Detail)
	f.touch(e)
	return nil
}

// Ended says how many of the orders touched have ended.
func (f *Fold) Ended() (n int) {
	for _, e := range f.touched {
		if e.order.Status().Ended() {
			n++
		}
	}
	return n
}

// Committed tells the fold that the changes have been committed. The fold drops orders that have ended.
// If more than keep are left, it drops all that no later batch has touched.
func (f *Fold) Committed(keep int) {
	for _, e := range f.writing {
		f.bytes -= len(e.order.Detail)
		e.order.Detail = nil // is written once
		e.was, e.asked, e.stored, e.touched, e.mended = placementOf(e.order), e.order.Request, true, false, false
		if e.order.Status().Ended() {
			delete(f.orders, e.order.ID)
		}
	}
	f.writing, f.Mended, f.stored = nil, nil, f.counts.clone()
	if len(f.orders) > keep {
		maps.DeleteFunc(f.orders, func(_ domain.OrderID, e *entry) bool { return !e.touched })
	}
}
