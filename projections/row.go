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
	placed    time.Time
	started   time.Time // NULL if zero
	completed time.Time // NULL if zero
	tracking  string
	steps     string // see encodeSteps
	detail    string
	bad       []badField // what cannot be read; the field is then zero
}

// badField is a stored value that is not of its column's kind.
type badField struct{ column, stored string }

const (
	stateColumns = `order_id, version, status, current_step, node, placed_at, started_at, completed_at, tracking_id, steps`
	rowColumns   = stateColumns + `, detail`
	rowWidth     = 11
)

func rowOf(o domain.Order) row {
	return row{
		id: o.ID, version: o.Version, status: o.Status(), step: o.CurrentStep(), node: latestNode(o),
		placed: o.PlacedAt, started: o.StartedAt, completed: o.EndedAt,
		tracking: o.TrackingID, steps: encodeSteps(o), detail: string(o.Detail),
	}
}

func (r row) decode() ([]StepView, error) {
	if err := r.corrupt(); err != nil {
		return nil, err
	}
	return decodeSteps(r.id, r.steps)
}

// order takes the state of the fold back from the row. Its detail is left out.
func (r row) order() (domain.Order, error) {
	steps, err := r.decode()
	if err != nil {
		return domain.Order{}, err
	}
	o := domain.Order{ID: r.id, TrackingID: r.tracking, PlacedAt: r.placed, StartedAt: r.started, EndedAt: r.completed, Version: r.version}
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
		OrderID: r.id, TrackingID: r.tracking, Status: r.status, CurrentStep: r.step,
		PlacedAt: r.placed, StartedAt: r.started, CompletedAt: r.completed, Version: r.version, Steps: steps,
	}
	if r.detail != "" {
		v.Detail = json.RawMessage(r.detail)
		if !json.Valid(v.Detail) {
			return OrderView{}, fmt.Errorf("%w: the detail of order %s is stored as no JSON", domain.ErrCorrupt, r.id)
		}
	}
	return v, nil
}

// args are the row's values in the order of rowColumns.
func (r row) args() []any {
	return []any{
		r.id[:], r.version, string(r.status), nullText(string(r.step)), nullText(r.node), schema.TimeArg(r.placed),
		schema.NullTimeArg(r.started), schema.NullTimeArg(r.completed), nullText(r.tracking), r.steps, nullText(r.detail),
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

// looseTime scans a time, and text that is none.
type looseTime struct {
	schema.Time
	bad sql.NullString
}

// Scan is schema.Time's, and keeps text that it refuses.
func (t *looseTime) Scan(src any) error {
	text, is := src.(string)
	if !is {
		return t.Time.Scan(src)
	}
	if parsed, ok := parseTime(text + "Z"); ok {
		t.Time.Time = parsed
		return nil
	}
	if t.Time.Scan(src) != nil {
		t.bad = sql.NullString{String: text, Valid: true}
	}
	return nil
}

func (r *row) refuse(column string, t looseTime) {
	if t.bad.Valid {
		r.bad = append(r.bad, badField{column, t.bad.String})
	}
}

// scanRow reads stateColumns, or rowColumns if withDetail.
func scanRow(rows *sql.Rows, withDetail bool) (row, error) {
	var (
		r                                   row
		id                                  []byte
		status                              string
		step, node, tracking, steps, detail sql.NullString
		placed, started, completed          looseTime
	)
	into := []any{&id, &r.version, &status, &step, &node, &placed, &started, &completed, &tracking, &steps, &detail}
	if !withDetail {
		into = into[:rowWidth-1]
	}
	if err := rows.Scan(into...); err != nil {
		return row{}, err
	}
	if len(id) != len(r.id) {
		return row{}, fmt.Errorf("%w: an order is stored under an id of %d bytes", domain.ErrCorrupt, len(id))
	}
	r.id, r.status, r.step, r.node = domain.OrderID(id), domain.Status(status), domain.Step(step.String), node.String
	r.placed, r.started, r.completed = placed.Time.Time, started.Time.Time, completed.Time.Time
	r.refuse("placed_at", placed)
	r.refuse("started_at", started)
	r.refuse("completed_at", completed)
	r.tracking, r.steps, r.detail = tracking.String, steps.String, detail.String
	return r, nil
}
