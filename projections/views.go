package projections

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/schema"
)

// Streams are the streams of events, by order.
type Streams interface {
	// Load gives the whole stream; domain.ErrNotFound if there is none.
	Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error)
	// Version is the version of the last event; 0 if there is none.
	Version(ctx context.Context, id domain.OrderID) (int, error)
}

// Views answers what is asked about orders. It is safe for concurrent use.
type Views struct {
	db      *schema.DB
	streams Streams
	table   table

	maxDetails int // of a page, in bytes
}

// NewViews gives the views of a migrated database.
func NewViews(db *schema.DB, streams Streams) *Views {
	return &Views{db: db, streams: streams, table: tableOf(db, live), maxDetails: MaxPageDetails}
}

// Get gives one order as it stood when Get was called, or later; domain.ErrNotFound if
// there is none. An order whose row lags, or cannot be read, is folded from its stream.
func (v *Views) Get(ctx context.Context, id domain.OrderID) (OrderView, error) {
	return get(ctx, v, id, row.view)
}

// AppendOrder appends the JSON of what Get gives.
func (v *Views) AppendOrder(ctx context.Context, b []byte, id domain.OrderID) ([]byte, error) {
	return get(ctx, v, id, func(r row) ([]byte, error) { return r.appendJSON(b) })
}

// get reads the row of an order, if it is good, or else one made from its stream.
func get[T any](ctx context.Context, v *Views, id domain.OrderID, read func(row) (T, error)) (T, error) {
	var one, none T
	rows, err := v.db.QueryContext(ctx, `SELECT `+rowColumns+` FROM `+v.table.name+` WHERE order_id = ?1`, id[:])
	var stored row // version 0: none
	err = eachRow(rows, err, true, func(r row) (err error) {
		stored = r
		one, err = read(r)
		return err
	})
	if err != nil && !errors.Is(err, domain.ErrCorrupt) {
		return none, fmt.Errorf("read the row of order %s: %w", id, classify(v.db, err))
	}
	if err == nil && stored.version > 0 {
		current, err := v.current(ctx, stored)
		if err != nil {
			return none, err
		}
		if current {
			return one, nil
		}
	}
	if stored, err = v.rowFromStream(ctx, id); err != nil {
		return none, err
	}
	return read(stored)
}

// current says whether a row that was read shows everything appended before. Nothing
// is appended to an order that has ended, so then its version need not be asked for.
func (v *Views) current(ctx context.Context, stored row) (bool, error) {
	if stored.status.Ended() {
		return true, nil
	}
	version, err := v.streams.Version(ctx, stored.id)
	return version == stored.version, err
}

// rowFromStream is the row that an order should have.
func (v *Views) rowFromStream(ctx context.Context, id domain.OrderID) (row, error) {
	events, err := v.streams.Load(ctx, id)
	if err != nil {
		return row{}, err
	}
	o, err := domain.Fold(events)
	if err != nil {
		return row{}, err
	}
	return rowOf(o), nil
}

// Counts says how many orders have each status; every status is there, and none is below 0: a count
// that is, is wrong (see Miscounts), and 0 is nearer. It costs one read of the checkpoints, however
// many orders there are.
func (v *Views) Counts(ctx context.Context) (map[domain.Status]int64, error) {
	checkpoints, err := readCheckpoints(ctx, v.db, live)
	if err != nil {
		return nil, classify(v.db, err)
	}
	all := map[domain.Status]int64{}
	stored := counts{}
	for _, c := range checkpoints {
		if c.damage != nil {
			return nil, c.damage
		}
		stored.addAll(c.counts)
	}
	for _, s := range domain.Statuses() {
		all[s] = max(0, stored[s])
	}
	return all, nil
}
