package projections

import (
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// The number of orders of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// Filter says which orders to list. A zero field lets everything through; several
// fields must all hold.
type Filter struct {
	Status       domain.Status
	Step         domain.Step // the order's current step (see domain.Order.CurrentStep)
	Node         string      // the node of the order's latest attempt
	PlacedAfter  time.Time   // placed later than this, not at it
	PlacedBefore time.Time   // placed earlier than this, not at it
	TrackingID   string
	// Limit is the length of the page, 1 to MaxLimit; 0 is DefaultLimit.
	Limit int
	// Cursor is the NextCursor of the page before, or empty for the first. It is a place in
	// the list, whatever the filter.
	Cursor string
}

// validate gives the limit and the cursor. Its errors are of kind ErrInvalid.
func (f Filter) validate() (limit int, c cursor, err error) {
	if f.Status != "" {
		if _, err := domain.ParseStatus(string(f.Status)); err != nil {
			return 0, c, err
		}
	}
	if f.Step != "" {
		if _, err := domain.ParseStep(string(f.Step)); err != nil {
			return 0, c, err
		}
	}
	for _, t := range []time.Time{f.PlacedAfter, f.PlacedBefore} {
		if !t.IsZero() && (t.UTC().Year() < 1 || t.UTC().Year() > 9998) {
			return 0, c, fmt.Errorf("%w: the year %d is out of range", domain.ErrInvalid, t.UTC().Year())
		}
	}
	switch {
	case f.Limit == 0:
		limit = DefaultLimit
	case f.Limit < 0 || f.Limit > MaxLimit:
		return 0, c, fmt.Errorf("%w: limit is %d, 1 to %d are allowed", domain.ErrInvalid, f.Limit, MaxLimit)
	default:
		limit = f.Limit
	}
	if f.Cursor != "" {
		c, err = parseCursor(f.Cursor)
	}
	return limit, c, err
}

// condition collects the parts of a WHERE clause and their arguments.
type condition struct {
	parts []string
	args  []any
}

// param adds an argument and gives its placeholder.
func (w *condition) param(arg any) string {
	w.args = append(w.args, arg)
	return fmt.Sprintf("?%d", len(w.args))
}

func (w *condition) add(part string) { w.parts = append(w.parts, part) }

// where turns the filter into conditions, each of which an index serves in the order of
// the list. That a column IS NOT NULL follows from its being equal to something; it is
// said so that the partial indexes are found.
func (f Filter) where(d dialect, c cursor) condition {
	var w condition
	if f.TrackingID != "" {
		w.add(`tracking_id IS NOT NULL AND ` + d.equal(`tracking_id`, w.param(f.TrackingID)))
	}
	if f.Step != "" {
		w.add(`current_step IS NOT NULL AND current_step = ` + w.param(string(f.Step)))
	}
	if f.Node != "" {
		w.add(`node IS NOT NULL AND ` + d.equal(`node`, w.param(f.Node)))
	}
	if f.Status != "" {
		w.add(`status = ` + w.param(string(f.Status)))
	}
	if !f.PlacedAfter.IsZero() {
		w.add(`placed_at > ` + w.param(schema.TimeArg(f.PlacedAfter)))
	}
	if !f.PlacedBefore.IsZero() {
		w.add(`placed_at < ` + w.param(schema.TimeArg(ceil(f.PlacedBefore))))
	}
	if !c.placed.IsZero() {
		// (placed_at, order_id) < (cursor), in the form both databases search an index by.
		at, id := w.param(schema.TimeArg(c.placed)), w.param(c.id[:])
		w.add(`placed_at <= ` + at + ` AND (placed_at < ` + at + ` OR order_id < ` + id + `)`)
	}
	return w
}

// ceil is t or the next whole microsecond, so that what was stored before t stays
// before it.
func ceil(t time.Time) time.Time {
	if whole := t.Truncate(time.Microsecond); !whole.Equal(t) {
		return whole.Add(time.Microsecond)
	}
	return t
}
