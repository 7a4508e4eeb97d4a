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
	id        domain.OrderID
	version   int
	status    domain.Status
	step      domain.Step // the order's current step; NULL if empty, as all texts below
	node      string      // of the latest attempt
	placed    string      // see schema.TimeArg, as the other times
	started   string
	completed string
	tracking  string
	steps     string // see encodeSteps
	customer  string
	detail    string
	bad       []badField // what cannot be read; the field is then zero
}

// badField is a stored value that is not of its column's kind.
type badField struct{ column, stored string }

const (
	stateColumns = `order_id, version, status, current_step, node, placed_at, started_at, completed_at, tracking_id, steps`
	rowColumns   = stateColumns + `, customer, detail` // those that never change, last
	rowWidth     = 12
	stateWidth   = rowWidth - 2
)

func rowOf(o domain.Order) row {
	return row{
		id: o.ID, version: o.Version, status: o.Status(), step: o.CurrentStep(), node: latestNode(o),
		placed: storedTime(o.PlacedAt), started: storedTime(o.StartedAt), completed: storedTime(o.EndedAt),
		tracking: o.TrackingID, steps: encodeSteps(o), customer: o.Customer, detail: schema.Text(o.Detail),
	}
}

// storedTime is a time as a row has it, and timeOf the time of what a row has.
func storedTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return schema.TimeArg(t)
}

func timeOf(stored string) time.Time {
	t, _ := schema.ParseTime(stored) // what cannot be read is not in the field, but in bad
	return t
}

func (r row) decode() ([]StepView, error) {
	if err := r.corrupt(); err != nil {
		return nil, err
	}
	return decodeSteps(r.id, r.steps)
}

// order takes the state of the fold back from the row. Its customer and detail are left out.
func (r row) order() (domain.Order, error) {
	steps, err := r.decode()
	if err != nil {
		return domain.Order{}, err
	}
	o := domain.Order{
		ID: r.id, TrackingID: r.tracking, Version: r.version,
		PlacedAt: timeOf(r.placed), StartedAt: timeOf(r.started), EndedAt: timeOf(r.completed),
	}
	for i, s := range steps {
		o.Steps[i] = domain.StepState{
			Status: s.Status, Attempt: s.Attempt, Node: s.Node, StartedAt: s.StartedAt,
			CompletedAt: s.CompletedAt, Error: s.Error, RolledBackAt: s.RolledBackAt,
		}
	}
	return domain.Restore(o, r.status)
}

func (r row) view() (OrderView, error) {
	steps, err := r.decode()
	if err != nil {
		return OrderView{}, err
	}
	v := OrderView{
		OrderID: r.id, TrackingID: r.tracking, Customer: r.customer, Status: r.status, CurrentStep: r.step,
		PlacedAt: timeOf(r.placed), StartedAt: timeOf(r.started), CompletedAt: timeOf(r.completed), Version: r.version, Steps: steps,
	}
	v.Detail, err = r.detailJSON()
	return v, err
}

func (r row) detailJSON() (json.RawMessage, error) {
	if r.detail == "" {
		return nil, nil
	}
	detail := json.RawMessage(r.detail)
	if !json.Valid(detail) {
		return nil, fmt.Errorf("%w: the detail of order %s is stored as no JSON", domain.ErrCorrupt, r.id)
	}
	return detail, nil
}

// args are the row's values in the order of rowColumns.
func (r row) args() []any {
	return []any{
		r.id[:], r.version, string(r.status), nullText(string(r.step)), nullText(r.node), r.placed,
		nullText(r.started), nullText(r.completed), nullText(r.tracking), r.steps, nullText(r.customer), nullText(r.detail),
	}
}

func nullText(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// corrupt is an error if a field could not be read.
func (r row) corrupt() error {
	if len(r.bad) == 0 {
		return nil
	}
	return fmt.Errorf("%w: order %s is stored with %s %q", domain.ErrCorrupt, r.id, r.bad[0].column, shorten(r.bad[0].stored))
}
