package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// Streams are the streams of events, by order.
type Streams interface {
	// Load gives the whole stream; domain.ErrNotFound if there is none.
	Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error)
	// Version is the version of the last event; 0 if there is none.
	Version(ctx context.Context, id domain.OrderID) (int, error)
}

// MaxPageDetails is how many bytes the details of a page with several orders have at most.
const MaxPageDetails = 8 << 20

// Views answers what is asked about orders. It is safe for concurrent use.
type Views struct {
	db      *schema.DB
	streams Streams
	table   rows.Table

	maxDetails int // of a page, in bytes
}

// NewViews gives the views of a migrated database.
func NewViews(db *schema.DB, streams Streams) *Views {
	return &Views{db: db, streams: streams, table: rows.TableOf(db, rows.LiveTable), maxDetails: MaxPageDetails}
}

// Get gives one order as it stood when Get was called, or later; domain.ErrNotFound if
// there is none. An order whose row lags, or cannot be read, is folded from its stream.
func (v *Views) Get(ctx context.Context, id domain.OrderID) (OrderView, error) {
	var view OrderView // version 0: there is no good row
	err := v.db.Read(ctx, func(answer *sql.Rows) error {
		return rows.Scan(answer, func(r *rows.Row) (err error) {
			view, err = viewOf(r)
			return err
		})
	}, `SELECT `+rows.Columns+` FROM `+v.table.Name+` WHERE order_id = ?1`, id[:])
	switch {
	case errors.Is(err, domain.ErrCorrupt) || err == nil && view.Version == 0:
		return v.fromStream(ctx, id)
	case err != nil:
		return OrderView{}, fmt.Errorf("read the row of order %s: %w", id, rows.Classify(v.db, err))
	case view.Status.Ended(): // nothing is appended to such an order
		return view, nil
	}
	version, err := v.streams.Version(ctx, id)
	switch {
	case err != nil:
		return OrderView{}, err
	case version != view.Version:
		return v.fromStream(ctx, id)
	}
	return view, nil
}

// GetAt gives one order as it was at a moment, by its events; domain.ErrNotFound if it was placed later or there is
// none. A version that the order does not have yet is a *domain.FieldError. One statement reads the whole stream.
func (v *Views) GetAt(ctx context.Context, id domain.OrderID, m domain.Moment) (OrderView, error) {
	events, err := v.streams.Load(ctx, id)
	if err != nil {
		return OrderView{}, err
	}
	o, err := domain.FoldTo(events, m)
	if err != nil {
		return OrderView{}, err
	}
	return ViewOf(o), nil
}

// fromStream is the view of an order by its events.
func (v *Views) fromStream(ctx context.Context, id domain.OrderID) (OrderView, error) {
	events, err := v.streams.Load(ctx, id)
	if err != nil {
		return OrderView{}, err
	}
	o, err := domain.Fold(events)
	if err != nil {
		return OrderView{}, err
	}
	return ViewOf(o), nil
}

// Counts says how many orders have each status. Every status is there. A stored count below 0 is wrong
// (see verify.Miscounts) and is given as 0. The cost is one read of the checkpoints, however many
// orders there are.
func (v *Views) Counts(ctx context.Context) (map[domain.Status]int64, error) {
	checkpoints, err := rows.ReadCheckpoints(ctx, v.db, rows.LiveTable)
	if err != nil {
		return nil, rows.Classify(v.db, err)
	}
	all := map[domain.Status]int64{}
	stored := rows.Counts{}
	for _, c := range checkpoints {
		if c.Damage != nil {
			return nil, c.Damage
		}
		stored.AddAll(c.Counts)
	}
	for _, s := range domain.Statuses() {
		all[s] = max(0, stored[s])
	}
	return all, nil
}
