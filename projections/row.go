package projections

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// row is a row of the orders, field by field as it is stored.
type row struct {
	id      domain.OrderID
	version int
	placement
	placed    time.Time
	started   time.Time // NULL if zero
	completed time.Time
	tracking  string // NULL if empty, as the other texts
	steps     string // see encodeSteps
	customer  string
	detail    string
	bad       []badField // what cannot be read; the field is then zero
}

// placement is what of an order changes and has an index.
type placement struct {
	status domain.Status // empty: there is no row
	step   domain.Step   // the order's current step
	node   string        // of the latest attempt
}

// badField is a stored value that is not of its column's kind.
type badField struct{ column, stored string }

const (
	stateColumns = `order_id, version, status, current_step, node, placed_at, started_at, completed_at, tracking_id, steps`
	rowColumns   = stateColumns + `, customer, detail` // those that never change, last
	rowWidth     = 12
	stateWidth   = rowWidth - 2
)

// rowOf is the row that an order should have.
func rowOf(o domain.Order) row {
	return row{
		id: o.ID, version: o.Version, placement: placementOf(o),
		placed: o.PlacedAt, started: o.StartedAt, completed: o.EndedAt,
		tracking: o.TrackingID, steps: encodeSteps(&o.Steps), customer: o.Customer, detail: schema.Text(o.Detail),
	}
}

// placementOf says where an order stands. Its steps run one after the other, so that the latest
// attempt is that of the last step that has had one.
func placementOf(o domain.Order) placement {
	p := placement{status: o.Status(), step: o.CurrentStep()}
	for _, s := range o.Steps {
		if s.Attempt > 0 {
			p.node = s.Node
		}
	}
	return p
}

// order takes the state of the fold back from the row. Its customer and detail are left out.
func (r *row) order() (domain.Order, error) {
	o := domain.Order{
		ID: r.id, TrackingID: r.tracking, Version: r.version,
		PlacedAt: r.placed, StartedAt: r.started, EndedAt: r.completed,
	}
	if _, err := r.decode(&o.Steps); err != nil {
		return o, err
	}
	return domain.Restore(o, r.status)
}

// view is the row as it goes out. Detail and steps are copied as they are stored, the steps of an
// earlier program written anew.
func (r *row) view() (v OrderView, err error) {
	var all steps
	asSent, err := r.decode(&all)
	if err != nil {
		return v, err
	}
	v = OrderView{
		OrderID: r.id, TrackingID: r.tracking, Customer: r.customer, Status: r.status, CurrentStep: r.step,
		PlacedAt: r.placed, StartedAt: r.started, CompletedAt: r.completed, Version: r.version,
		Steps: Steps(r.steps),
	}
	if !asSent {
		v.Steps = Steps(encodeSteps(&all))
	}
	if r.detail == "" {
		return v, nil
	}
	if v.Detail = json.RawMessage(r.detail); !json.Valid(v.Detail) {
		return v, fmt.Errorf("%w: the detail of order %s is stored as no JSON", domain.ErrCorrupt, r.id)
	}
	return v, nil
}

// decode is decodeSteps for a row without bad fields.
func (r *row) decode(into *steps) (asSent bool, err error) {
	if len(r.bad) > 0 {
		return false, fmt.Errorf("%w: order %s is stored with %s %q", domain.ErrCorrupt, r.id, r.bad[0].column, shorten(r.bad[0].stored))
	}
	return decodeSteps(r.id, r.steps, into)
}

// args are the row's values in the order of rowColumns.
func (r *row) args() []any {
	return []any{
		r.id[:], r.version, string(r.status), nullText(string(r.step)), nullText(r.node), schema.TimeArg(r.placed),
		schema.NullTimeArg(r.started), schema.NullTimeArg(r.completed), nullText(r.tracking), r.steps, nullText(r.customer), nullText(r.detail),
	}
}

func nullText(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
