package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
)

// errFull says that the details of a page are as long as they may be.
var errFull = errors.New("the page is full")

// List gives one page of the orders that the filter lets through, newest first, by the
// time they were placed and then by their id. A page whose details would be too long ends
// early. A row that cannot be read is made anew from its stream. Errors of kind ErrInvalid name
// what is wrong with the filter.
func (v *Views) List(ctx context.Context, f Filter) (Page, error) {
	limit, after, err := f.validate()
	if err != nil {
		return Page{}, err
	}
	page, details, full := Page{Orders: make([]OrderView, 0, limit)}, 0, false
	q := query{table: v.table, dialect: v.db.Dialect(), filter: f, after: after, most: limit + 1} // one more says whether there is a next page
	text := q.text()                                                                              // which makes the arguments
	err = v.db.Read(ctx, func(answer *sql.Rows) error {
		page.Orders, details, full = page.Orders[:0], 0, false
		return rows.Scan(answer, func(r *rows.Row) error {
			if len(page.Orders) == limit { // it is the last row: the end of the answer is read with it
				full = true
				return nil
			}
			one, err := viewOf(r)
			if errors.Is(err, domain.ErrCorrupt) {
				one, err = v.fromStream(ctx, r.ID)
			}
			if err != nil {
				return err
			}
			if details += len(one.Detail); details > v.maxDetails && len(page.Orders) > 0 {
				return errFull
			}
			page.Orders = append(page.Orders, one)
			return nil
		})
	}, text, q.args...)
	switch {
	case full && err == nil, errors.Is(err, errFull):
		last := page.Orders[len(page.Orders)-1]
		page.NextCursor = cursor{customer: f.customer(), placed: last.PlacedAt, id: last.OrderID}.String()
	case err != nil:
		return Page{}, fmt.Errorf("list orders: %w", rows.Classify(v.db, err))
	}
	return page, nil
}
