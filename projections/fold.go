package projections

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"orderflow/domain"
	"orderflow/schema"
)

// fold applies batches of events to orders and says which rows to write. It keeps
// the orders that are under way from batch to batch, so that their rows need not be
// read again; that is good as long as nobody else moves the checkpoint. A fold whose
// batch could not be committed must be given up.
type fold struct {
	table   table
	log     Log
	counts  counts
	stored  counts // as the checkpoint has them
	orders  map[domain.OrderID]*entry
	touched []*entry                    // by batches, and not yet taken by changes
	writing []*entry                    // taken by changes, until they are settled
	bytes   int                         // of the details held
	mended  []error                     // what was found wrong and put right
	suspect func(context.Context) error // if not nil, is asked before the first is mended
}

// entry is an order that is held.
type entry struct {
	order   domain.Order
	was     placement // as its row has it
	stored  bool      // it has a row
	touched bool
	mended  bool // its row, if any, is not to be trusted: it is replaced
}

func newFold(t table, log Log, c counts) *fold {
	return &fold{table: t, log: log, counts: c.clone(), stored: c.clone(), orders: map[domain.OrderID]*entry{}}
}

// apply reads the rows that a batch of one partition needs from q and applies the
// events. With distrust, every order touched is folded from its stream instead.
func (f *fold) apply(ctx context.Context, q querier, events []domain.Recorded, distrust bool) error {
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
func (f *fold) load(ctx context.Context, q querier, events []domain.Recorded) error {
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
	err := f.table.load(ctx, q, ids, func(r *row) error {
		o, err := r.order()
		if errors.Is(err, domain.ErrCorrupt) {
			return nil // it is folded from its stream
		}
		f.orders[r.id] = &entry{order: o, stored: true, was: r.placement}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the rows of %d orders: %w", len(ids), err)
	}
	return nil
}

// one applies one event of a batch.
func (f *fold) one(ctx context.Context, r domain.Recorded, batch []domain.Recorded, distrust bool) error {
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

func (f *fold) touch(e *entry) {
	if !e.touched {
		e.touched = true
		f.touched = append(f.touched, e)
	}
}

// mend folds an order whose row is gone, or not at the version before r, from its
// stream up to the end of the batch.
func (f *fold) mend(ctx context.Context, r domain.Recorded, batch []domain.Recorded) error {
	if f.suspect != nil && len(f.mended) == 0 {
		if err := f.suspect(ctx); err != nil {
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
	f.mended = append(f.mended, fmt.Errorf("the row of order %s was not as the projection left it before version %d: made anew from its stream", r.OrderID, r.Version))
	f.orders[r.OrderID] = e
	f.bytes += len(e.order.Detail)
	f.touch(e)
	return nil
}

// ended says how many of the orders touched have ended.
func (f *fold) ended() (n int) {
	for _, e := range f.touched {
		if e.order.Status().Ended() {
			n++
		}
	}
	return n
}

// changes are the rows to write for the orders touched.
type changes struct {
	inserts []row
	removes []domain.OrderID // before the inserts
	updates [changedKinds][]row
}

// changes takes up to most of the orders touched, and none after those whose details have
// mostBytes, or of them only those that have ended, makes their rows and counts them.
func (f *fold) changes(endedOnly bool, most, mostBytes int) changes {
	f.writing = nil
	rest := f.touched[:0]
	for _, e := range f.touched {
		if len(f.writing) == most || mostBytes <= 0 || endedOnly && !e.order.Status().Ended() {
			rest = append(rest, e)
		} else {
			f.writing = append(f.writing, e)
			mostBytes -= len(e.order.Detail)
		}
	}
	f.touched = rest
	var c changes
	for _, e := range f.writing {
		f.counts.move(e.was.status, e.order.Status())
		c.add(e)
	}
	return c
}

func (c *changes) add(e *entry) {
	switch r := rowOf(e.order); {
	case e.mended:
		c.removes = append(c.removes, r.id)
		c.inserts = append(c.inserts, r)
	case !e.stored:
		c.inserts = append(c.inserts, r)
	default:
		what := e.changed()
		c.updates[what] = append(c.updates[what], r)
	}
}

func (e *entry) changed() (what changed) {
	now := placementOf(e.order)
	if now.status != e.was.status || now.step != e.was.step {
		what |= changedStatus
	}
	if now.node != e.was.node {
		what |= changedNode
	}
	return what
}

// write writes the changes; errAltered if the table is not as it was left.
func (f *fold) write(ctx context.Context, tx *schema.Tx, c changes) error {
	if err := f.table.remove(ctx, tx, c.removes); err != nil {
		return fmt.Errorf("remove from %s: %w", f.table.name, err)
	}
	if err := f.table.insert(ctx, tx, c.inserts); err != nil {
		return fmt.Errorf("insert into %s: %w", f.table.name, err)
	}
	for what, rows := range c.updates {
		if err := f.table.update(ctx, tx, rows, changed(what)); err != nil {
			return fmt.Errorf("update %s: %w", f.table.name, err)
		}
	}
	return nil
}

// settle is for when the changes have been committed. Orders that have ended are let
// go, and all that need not be held if there are more than keep.
func (f *fold) settle(keep int) {
	for _, e := range f.writing {
		f.bytes -= len(e.order.Detail)
		e.order.Detail = nil // is written once
		e.was, e.stored, e.touched, e.mended = placementOf(e.order), true, false, false
		if e.order.Status().Ended() {
			delete(f.orders, e.order.ID)
		}
	}
	f.writing, f.mended, f.stored = nil, nil, f.counts.clone()
	if len(f.orders) > keep {
		maps.DeleteFunc(f.orders, func(_ domain.OrderID, e *entry) bool { return !e.touched })
	}
}
