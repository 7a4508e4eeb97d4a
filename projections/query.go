package projections

import (
	"fmt"
	"strings"
	"time"

	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// query reads the first rows of a list after a cursor.
type query struct {
	table   rows.Table
	dialect schema.Dialect
	filter  Filter
	after   cursor
	most    int   // rows
	args    []any // of the text, by their placeholders
}

// param adds an argument and gives its placeholder.
func (q *query) param(arg any) string {
	q.args = append(q.args, arg)
	return fmt.Sprintf("?%d", len(q.args))
}

// text is the query's text. A single choice is one search of an index. Several choices are searched
// for keys first, and then only the rows of the first keys are read, since details are long.
func (q *query) text() string {
	choices := q.filter.choices()
	if len(choices) == 1 {
		return q.search(rows.Columns, choices[0])
	}
	searches := make([]string, len(choices))
	for i, one := range choices {
		searches[i] = `SELECT * FROM (` + q.search(`placed_at AS placed, order_id AS id`, one) + `) AS one`
	}
	keys := `SELECT placed, id FROM (` + strings.Join(searches, ` UNION ALL `) + `) AS every ORDER BY placed DESC, id DESC ` + q.limit()
	return `SELECT ` + rows.Columns + ` FROM (` + keys + `) AS listed CROSS JOIN ` + q.table.Name + ` WHERE order_id = id ORDER BY placed DESC, id DESC`
}

// search is the query for the first rows of one choice.
func (q *query) search(columns string, one rows.Placement) string {
	text := `SELECT ` + columns + ` FROM ` + q.table.Name
	if conditions := q.where(one); len(conditions) > 0 {
		text += ` WHERE ` + strings.Join(conditions, ` AND `)
	}
	return text + ` ORDER BY placed_at DESC, order_id DESC ` + q.limit()
}

func (q *query) limit() string { return q.dialect.Limit(q.param(q.most)) }

// where turns the filter, with one choice, into conditions, which an index serves in the order
// of the list. That a column IS NOT NULL follows from its being equal to something; it is
// said so that the partial indexes are found.
func (q *query) where(one rows.Placement) (conditions []string) {
	f, d := q.filter, q.table.Dialect
	add := func(condition string) { conditions = append(conditions, condition) }
	switch {
	case f.Customer == nil:
	case *f.Customer == "":
		add(`customer IS NULL`)
	case f.TrackingID != "" || one.Step != "": // of which there are few, whoever placed them
		add(d.Equal(d.Unindexed(`customer`), q.param(*f.Customer)))
	default:
		add(`customer IS NOT NULL AND ` + d.Equal(`customer`, q.param(*f.Customer)))
	}
	if f.TrackingID != "" {
		add(`tracking_id IS NOT NULL AND ` + d.Equal(`tracking_id`, q.param(f.TrackingID)))
	}
	if one.Step != "" {
		add(`current_step IS NOT NULL AND current_step = ` + q.param(string(one.Step)))
	}
	if one.Node != "" {
		add(`node IS NOT NULL AND ` + d.Equal(`node`, q.param(one.Node)))
	}
	if one.Status != "" {
		add(`status = ` + q.param(string(one.Status)))
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
