package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"orderflow/domain"
)

// MaxPageDetails is how many bytes the details of a page have at most, if it has more than
// one order.
const MaxPageDetails = 8 << 20

// errFull says that a page has all the orders it may have.
var errFull = errors.New("the page is full")

// List gives one page of the orders that the filter lets through, newest first, by the
// time they were placed and then by their id. A page whose details would be too long ends
// early. Errors of kind ErrInvalid name what is wrong with the filter.
func (v *Views) List(ctx context.Context, f Filter) (Page, error) {
	page := Page{Orders: []OrderView{}}
	next, err := list(ctx, v, f, row.view, func(one OrderView) { page.Orders = append(page.Orders, one) })
	if err != nil {
		return Page{}, err
	}
	page.NextCursor = next
	return page, nil
}

// AppendPage appends the JSON of List's page, which it makes without making the page.
func (v *Views) AppendPage(ctx context.Context, b []byte, f Filter) ([]byte, error) {
	o := object{b: append(b, '{')}
	o.key("orders")
	o.b = append(o.b, '[')
	first := true
	read := func(r row) ([]byte, error) {
		if first {
			return r.appendJSON(o.b)
		}
		return r.appendJSON(append(o.b, ','))
	}
	next, err := list(ctx, v, f, read, func(more []byte) { o.b, first = more, false })
	if err != nil {
		return nil, err
	}
	o.b = append(o.b, ']')
	o.text("next_cursor", next)
	return append(o.b, '}'), nil
}

// list reads the rows of a page, takes what was read of those that belong to it, and gives
// the cursor of the next page, if there is one. A row that read finds corrupt is made anew
// from its stream.
func list[T any](ctx context.Context, v *Views, f Filter, read func(row) (T, error), take func(T)) (nextCursor string, err error) {
	limit, at, err := f.validate()
	if err != nil {
		return "", err
	}
	taken, details, more := 0, 0, false
	var last row
	query, args := v.listQuery(f, at, limit+1) // one more says whether there is a next page
	rows, err := v.db.QueryContext(ctx, query, args...)
	err = eachRow(rows, err, true, func(r row) error {
		if more = taken == limit; more {
			return errFull
		}
		one, err := read(r)
		if errors.Is(err, domain.ErrCorrupt) {
			if r, err = v.rowFromStream(ctx, r.id); err == nil {
				one, err = read(r)
			}
		}
		if err != nil {
			return err
		}
		details += len(r.detail)
		if more = details > v.maxDetails && taken > 0; more {
			return errFull
		}
		take(one)
		taken, last = taken+1, r
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return "", fmt.Errorf("list orders: %w", classify(v.db, err))
	}
	if more {
		nextCursor = cursor{customer: f.customer(), placed: timeOf(last.placed), id: last.id}.String()
	}
	return nextCursor, nil
}

// listQuery reads the first rows of the list after the cursor. One choice is one search of an
// index. Of several, each is searched for the keys of as many rows, and the rows are read by the
// first of these keys: details are long, and most would be read in vain.
func (v *Views) listQuery(f Filter, at cursor, rows int) (query string, args arguments) {
	choices := f.choices()
	if len(choices) == 1 {
		query = v.search(rowColumns, f, choices[0], at, &args, rows)
		return query, args
	}
	searches := make([]string, len(choices))
	for i, one := range choices {
		searches[i] = `SELECT * FROM (` + v.search(`placed_at AS placed, order_id AS id`, f, one, at, &args, rows) + `) AS one`
	}
	keys := `SELECT placed, id FROM (` + strings.Join(searches, ` UNION ALL `) + `) AS every ORDER BY placed DESC, id DESC ` + v.limit(rows, &args)
	return `SELECT ` + rowColumns + ` FROM (` + keys + `) AS listed CROSS JOIN ` + v.table.name + ` WHERE order_id = id ORDER BY placed DESC, id DESC`, args
}

// search is the query for the first rows of one choice.
func (v *Views) search(columns string, f Filter, one choice, at cursor, args *arguments, rows int) string {
	query := `SELECT ` + columns + ` FROM ` + v.table.name
	if parts := f.where(one, v.table.dialect, at, args); len(parts) > 0 {
		query += ` WHERE ` + strings.Join(parts, ` AND `)
	}
	return query + ` ORDER BY placed_at DESC, order_id DESC ` + v.limit(rows, args)
}

func (v *Views) limit(rows int, args *arguments) string {
	return v.db.Dialect().Limit(args.param(rows))
}
