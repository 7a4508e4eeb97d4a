package projections

import (
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// choice is a filter's choice of one value for each of the fields that may have several. An
// empty value lets everything through.
type choice struct {
	status domain.Status
	step   domain.Step
	node   string
}

// Choices is how many combinations of status, step and node the filter asks for. No order has
// two of them.
func (f Filter) Choices() int {
	return len(distinct(f.Status)) * len(distinct(f.Step)) * len(distinct(f.Node))
}

func (f Filter) choices() (all []choice) {
	for _, status := range distinct(f.Status) {
		for _, step := range distinct(f.Step) {
			for _, node := range distinct(f.Node) {
				all = append(all, choice{status, step, node})
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

// arguments are those of a query, by their placeholders.
type arguments []any

// param adds an argument and gives its placeholder.
func (a *arguments) param(arg any) string {
	*a = append(*a, arg)
	return fmt.Sprintf("?%d", len(*a))
}

// where turns the filter, with one choice, into conditions, which an index serves in the order
// of the list. That a column IS NOT NULL follows from its being equal to something; it is
// said so that the partial indexes are found.
func (f Filter) where(one choice, d dialect, c cursor, args *arguments) (parts []string) {
	switch {
	case f.Customer == nil:
	case *f.Customer == "":
		parts = append(parts, `customer IS NULL`)
	case f.TrackingID != "" || one.step != "": // of which there are few, whoever placed them
		parts = append(parts, d.equal(d.unindexed(`customer`), args.param(*f.Customer)))
	default:
		parts = append(parts, `customer IS NOT NULL AND `+d.equal(`customer`, args.param(*f.Customer)))
	}
	if f.TrackingID != "" {
		parts = append(parts, `tracking_id IS NOT NULL AND `+d.equal(`tracking_id`, args.param(f.TrackingID)))
	}
	if one.step != "" {
		parts = append(parts, `current_step IS NOT NULL AND current_step = `+args.param(string(one.step)))
	}
	if one.node != "" {
		parts = append(parts, `node IS NOT NULL AND `+d.equal(`node`, args.param(one.node)))
	}
	if one.status != "" {
		parts = append(parts, `status = `+args.param(string(one.status)))
	}
	if !f.PlacedAfter.IsZero() {
		parts = append(parts, `placed_at > `+args.param(schema.TimeArg(f.PlacedAfter)))
	}
	if !f.PlacedBefore.IsZero() {
		parts = append(parts, `placed_at < `+args.param(schema.TimeArg(ceil(f.PlacedBefore))))
	}
	if !c.placed.IsZero() {
		// (placed_at, order_id) < (cursor), in the form both databases search an index by.
		at, id := args.param(schema.TimeArg(c.placed)), args.param(c.id[:])
		parts = append(parts, `placed_at <= `+at+` AND (placed_at < `+at+` OR order_id < `+id+`)`)
	}
	return parts
}

// ceil is t or the next whole microsecond, so that what was stored before t stays
// before it.
func ceil(t time.Time) time.Time {
	if whole := t.Truncate(time.Microsecond); !whole.Equal(t) {
		return whole.Add(time.Microsecond)
	}
	return t
}
