package projections

import (
	"fmt"
	"slices"
	"strings"
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

// query reads the first rows of a list after a cursor.
type query struct {
	table  table
	filter Filter
	after  cursor
	rows   int
	args   []any // of the text, by their placeholders
}

// param adds an argument and gives its placeholder.
func (q *query) param(arg any) string {
	q.args = append(q.args, arg)
	return fmt.Sprintf("?%d", len(q.args))
}

// text is the query's text. One choice is one search of an index. Of several, each is searched for
// the keys of as many rows, and the rows are read by the first of these keys: details are long, and
// most would be read in vain.
func (q *query) text() string {
	choices := q.filter.choices()
	if len(choices) == 1 {
		return q.search(rowColumns, choices[0])
	}
	searches := make([]string, len(choices))
	for i, one := range choices {
		searches[i] = `SELECT * FROM (` + q.search(`placed_at AS placed, order_id AS id`, one) + `) AS one`
	}
	keys := `SELECT placed, id FROM (` + strings.Join(searches, ` UNION ALL `) + `) AS every ORDER BY placed DESC, id DESC ` + q.limit()
	return `SELECT ` + rowColumns + ` FROM (` + keys + `) AS listed CROSS JOIN ` + q.table.name + ` WHERE order_id = id ORDER BY placed DESC, id DESC`
}

// search is the query for the first rows of one choice.
func (q *query) search(columns string, one choice) string {
	text := `SELECT ` + columns + ` FROM ` + q.table.name
	if conditions := q.where(one); len(conditions) > 0 {
		text += ` WHERE ` + strings.Join(conditions, ` AND `)
	}
	return text + ` ORDER BY placed_at DESC, order_id DESC ` + q.limit()
}

func (q *query) limit() string { return q.table.schema.Limit(q.param(q.rows)) }

// where turns the filter, with one choice, into conditions, which an index serves in the order
// of the list. That a column IS NOT NULL follows from its being equal to something; it is
// said so that the partial indexes are found.
func (q *query) where(one choice) (conditions []string) {
	f, d := q.filter, q.table.dialect
	add := func(condition string) { conditions = append(conditions, condition) }
	switch {
	case f.Customer == nil:
	case *f.Customer == "":
		add(`customer IS NULL`)
	case f.TrackingID != "" || one.step != "": // of which there are few, whoever placed them
		add(d.equal(d.unindexed(`customer`), q.param(*f.Customer)))
	default:
		add(`customer IS NOT NULL AND ` + d.equal(`customer`, q.param(*f.Customer)))
	}
	if f.TrackingID != "" {
		add(`tracking_id IS NOT NULL AND ` + d.equal(`tracking_id`, q.param(f.TrackingID)))
	}
	if one.step != "" {
		add(`current_step IS NOT NULL AND current_step = ` + q.param(string(one.step)))
	}
	if one.node != "" {
		add(`node IS NOT NULL AND ` + d.equal(`node`, q.param(one.node)))
	}
	if one.status != "" {
		add(`status = ` + q.param(string(one.status)))
	}
	if !f.PlacedAfter.IsZero() {
		add(`placed_at > ` + q.param(schema.TimeArg(f.PlacedAfter)))
	}
	if !f.PlacedBefore.IsZero() {
		add(`placed_at < ` + q.param(schema.TimeArg(ceil(f.PlacedBefore))))
	}
	if !q.after.placed.IsZero() {
		// (placed_at, order_id) < (cursor), in the form both databases search an index by.
		at, id := q.param(schema.TimeArg(q.after.placed)), q.param(q.after.id[:])
		add(`placed_at <= ` + at + ` AND (placed_at < ` + at + ` OR order_id < ` + id + `)`)
	}
	return conditions
}

// ceil is t or the next whole microsecond, so that what was stored before t stays
// before it.
func ceil(t time.Time) time.Time {
	if whole := t.Truncate(time.Microsecond); !whole.Equal(t) {
		return whole.Add(time.Microsecond)
	}
	return t
}
