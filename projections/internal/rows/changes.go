package rows

import (
	"context"
	"errors"
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
	if e.order.Request != e.asked {
		what |= changedRequest
	}
	return what
}

// Fence is a statement that changes one row if its transaction may write.
type Fence struct {
	Query string
	Args  []any
}

// ErrFenced says that a fence has changed no row. Its transaction must be rolled back.
var ErrFenced = errors.New("the checkpoint has been moved by another projector, or the log is another one")

// few is how many rows share a round trip with the fence. Every number of rows makes another text, for which
// the database keeps another plan; where there are many rows, a round trip costs little beside them.
const few = 4

// Whole gives the questions of a transaction that writes a few changes, of one kind, behind a fence (see
// schema.DB.InBatch), and the verdict on its error. They are nil if there is more to write.
func (f *Fold) Whole(c Changes, fence Fence) (ask func() ([]schema.Question, error), verdict func(error) error) {
	all := f.statements(c)
	if len(all) != 1 || all[0].rows > few {
		return nil, nil
	}
	var passed, written int64 // rows that the fence and the changes have changed
	ask = func() ([]schema.Question, error) {
		passed, written = -1, 0 // the fence's are not known
		write := all[0].question(&written)
		write.Want = int(all[0].rows)
		return []schema.Question{{Query: fence.Query, Args: fence.Args, Changed: func(n int64) { passed = n }, Want: 1}, write}, nil
	}
	return ask, func(err error) error {
		switch {
		case errors.Is(err, schema.ErrCommit): // it may have taken place
		case passed == 0:
			return ErrFenced
		case errors.Is(err, schema.ErrUnmet): // by the rows
			err = ErrAltered
		}
		return f.written(all[0], written, err)
	}
}

// Write writes the changes, behind a fence if it is not nil. ErrFenced if that changes no row; ErrAltered if
// the table is not as it was left.
func (f *Fold) Write(ctx context.Context, tx *schema.Tx, c Changes, fence *Fence) error {
	if fence != nil {
		if n, err := run(ctx, tx, statement{query: fence.Query, args: fence.Args}); err != nil || n == 0 {
			return fenceError(n, err)
		}
	}
	for _, s := range f.statements(c) {
		n, err := run(ctx, tx, s)
		if err := f.written(s, n, err); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fold) statements(c Changes) []statement {
	all := f.table.remove(c.removes)
	all = append(all, f.table.insert(c.inserts)...)
	for what, rows := range c.updates {
		all = append(all, f.table.update(rows, changed(what))...)
	}
	return all
}

// fenceError is the error of a fence that has not changed one row. What was written behind it does not count.
func fenceError(n int64, err error) error {
	if n == 0 {
		return ErrFenced
	}
	return fmt.Errorf("move the checkpoint: %w", err)
}

// written is the error of a statement that changed n rows.
func (f *Fold) written(s statement, n int64, err error) error {
	switch {
	case errors.Is(err, schema.ErrDuplicateKey):
		err = fmt.Errorf("%w: %w", ErrAltered, err)
	case err == nil && s.rows != 0 && n != s.rows:
		err = ErrAltered
	}
	if err != nil {
		return fmt.Errorf("write rows of %s: %w", f.table.Name, err)
	}
	return nil
}

// run runs a statement and gives how many rows it changed; -1 if that is not known.
func run(ctx context.Context, tx *schema.Tx, s statement) (int64, error) {
	changed := int64(0)
	if err := tx.Ask(ctx, s.question(&changed)); err != nil {
		return -1, err
	}
	return changed, nil
}

// question is the statement, which adds to changed how many rows it changes.
func (s statement) question(changed *int64) schema.Question {
	return schema.Question{Query: s.query, Args: s.args, Width: s.width, Changed: func(n int64) { *changed += n }}
}
