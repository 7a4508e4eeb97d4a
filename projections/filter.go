package projections

import (
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
)

// The number of orders of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// MaxChoices bounds the choices of a filter (see Filter.Choices): each is a search of its own.
const MaxChoices = 100

// Filter says which orders to list. A zero field lets everything through; several
// fields must all hold. Of a field with several values one must hold.
type Filter struct {
	Status       []domain.Status
	Step         []domain.Step // the order's current step (see domain.Order.CurrentStep)
	Node         []string      // the node of the order's latest attempt
	PlacedAfter  time.Time     // placed later than this, not at it
	PlacedBefore time.Time     // placed earlier than this, not at it
	TrackingID   string
	// Customer lets the orders of one customer through. A pointer to an empty text lets the orders of
	// customers without a name through, nil all orders.
	Customer *string
	// Limit is the length of the page, 1 to MaxLimit; 0 is DefaultLimit.
	Limit int
	// Cursor is the NextCursor of the page before, or empty for the first page. It is good for any
	// filter with the same customer.
	Cursor string
}

// validate gives the limit and the cursor. Its errors are of kind ErrInvalid.
func (f Filter) validate() (limit int, c cursor, err error) {
	for _, s := range f.Status {
		if _, err := domain.ParseStatus(string(s)); err != nil {
			return 0, c, err
		}
	}
	for _, s := range f.Step {
		if _, err := domain.ParseStep(string(s)); err != nil {
			return 0, c, err
		}
	}
	if n := f.Choices(); n > MaxChoices {
		return 0, c, fmt.Errorf("%w: status, step and node have %d combinations of their values, %d are allowed", domain.ErrInvalid, n, MaxChoices)
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
	c, err = f.position()
	return limit, c, err
}

// position is where the list goes on.
func (f Filter) position() (c cursor, err error) {
	if f.Cursor == "" {
		return c, nil
	}
	if c, err = parseCursor(f.Cursor); err == nil && c.customer != f.customer() {
		err = fmt.Errorf("%w: the cursor is of another customer's list", domain.ErrInvalid)
	}
	return c, err
}

// customer is the name of the one customer whose orders are listed, or empty.
func (f Filter) customer() string {
	if f.Customer == nil {
		return ""
	}
	return *f.Customer
}

// Choices is how many combinations of status, step and node the filter asks for. No order has
// two of them.
func (f Filter) Choices() int {
	return len(distinct(f.Status)) * len(distinct(f.Step)) * len(distinct(f.Node))
}

// choices are the combinations of one value of status, step and node each. An empty value lets
// everything through.
func (f Filter) choices() (all []rows.Placement) {
	for _, status := range distinct(f.Status) {
		for _, step := range distinct(f.Step) {
			for _, node := range distinct(f.Node) {
				all = append(all, rows.Placement{Status: status, Step: step, Node: node})
			}
		}
	}
	return all
}

// distinct gives each value once; the empty value alone if there is none.
func distinct[T ~string](values []T) (once []T) {
	for _, v := range values {
		if !slices.Contains(once, v) {
			once = append(once, v)
		}
	}
	if len(once) == 0 {
		once = []T{""}
	}
	return once
}
