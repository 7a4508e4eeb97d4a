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
	limit, at, err := f.validate()
	if err != nil {
		return Page{}, err
	}
	page, details, more := Page{Orders: []OrderView{}}, 0, false
	query, args := v.listQuery(f, at, limit+1) // one more says whether there is a next page
	rows, err := v.db.QueryContext(ctx, query, args...)
	err = eachRow(rows, err, true, func(r row) error {
		if more = len(page.Orders) == limit; more {
			return errFull
		}
		order, err := r.view()
		if errors.Is(err, domain.ErrCorrupt) {
			order, err = v.fromStream(ctx, r.id)
		}
		if err != nil {
			return err
		}
		details += len(order.Detail)
		if more = details > v.maxDetails && len(page.Orders) > 0; more {
			return errFull
		}
		page.Orders = append(page.Orders, order)
		return nil
	})
	if errors.Is(err, errFull) {
		err = nil
	}
	if err != nil {
		return Page{}, fmt.Errorf("list orders: %w", classify(v.db, err))
	}
	if more {
		last := page.Orders[len(page.Orders)-1]
		page.NextCursor = cursor{placed: last.PlacedAt, id: last.OrderID}.String()
	}
	return page, nil
}

func (v *Views) listQuery(f Filter, at cursor, rows int) (query string, args []any) {
	w := f.where(v.table.dialect, at)
	query = `SELECT ` + rowColumns + ` FROM ` + v.table.name
	if len(w.parts) > 0 {
		query += ` WHERE ` + strings.Join(w.parts, ` AND `)
	}
	query += ` ORDER BY placed_at DESC, order_id DESC ` + v.db.Dialect().Limit(w.param(rows))
	return query, w.args
}
