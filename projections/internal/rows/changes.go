package rows

import (
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/schema"
)

// Changes are the rows to write for the orders touched.
type Changes struct {
	inserts []Row
	removes []domain.OrderID // before the inserts
	updates [changedKinds][]Row
}

// Changes takes touched orders out of the fold, counts them and gives the rows to write. It takes up to
// most orders, none after their details have mostBytes, and with endedOnly only orders that have ended.
func (f *Fold) Changes(endedOnly bool, most, mostBytes int) Changes {
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
	var c Changes
	for _, e := range f.writing {
		f.counts.Move(e.was.Status, e.order.Status())
		c.add(e)
	}
	return c
}

// None says that there is nothing to write.
func (c *Changes) None() bool {
	n := len(c.inserts) + len(c.removes)
	for _, rows := range c.updates {
		n += len(rows)
	}
	return n == 0
}

func (c *Changes) add(e *entry) {
	switch r := Of(e.order); {
	case e.mended:
		c.removes = append(c.removes, r.ID)
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
	if now.Status != e.was.Status || now.Step != e.was.Step {
		what |= changedStatus
	}
	if now.Node != e.was.Node {
		what |= changedNode
	}
	return what
}

// Write writes the changes; ErrAltered if the table is not as it was left.
func (f *Fold) Write(ctx context.Context, tx *schema.Tx, c Changes) error {
	if err := f.table.remove(ctx, tx, c.removes); err != nil {
		return fmt.Errorf("remove from %s: %w", f.table.Name, err)
	}
	if err := f.table.insert(ctx, tx, c.inserts); err != nil {
		return fmt.Errorf("insert into %s: %w", f.table.Name, err)
	}
	for what, rows := range c.updates {
		if err := f.table.update(ctx, tx, rows, changed(what)); err != nil {
			return fmt.Errorf("update %s: %w", f.table.Name, err)
		}
	}
	return nil
}
