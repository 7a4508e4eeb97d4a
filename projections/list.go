package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"orderflow/domain"
)

// List gives one page of the orders that the filter lets through, newest first, by the
// time they were placed and then by their id. Errors of kind ErrInvalid name what is
// wrong with the filter.
func (v *Views) List(ctx context.Context, f Filter) (Page, error) {
	limit, at, err := f.validate()
	if err != nil {
		return Page{}, err
	}
	page := Page{Orders: []OrderView{}}
	query, args := v.listQuery(f, at, limit+1) // one more says whether there is a next page
	rows, err := v.db.QueryContext(ctx, query, args...)
	err = eachRow(rows, err, true, func(r row) error {
		order, err := r.view()
		if errors.Is(err, domain.ErrCorrupt) {
			order, err = v.fromStream(ctx, r.id)
		}
		page.Orders = append(page.Orders, order)
		return err
	})
	if err != nil {
		return Page{}, fmt.Errorf("list orders: %w", classify(v.db, err))
	}
	if len(page.Orders) > limit {
		page.Orders = page.Orders[:limit]
		last := page.Orders[limit-1]
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
