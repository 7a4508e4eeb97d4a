package projections

import (
	"encoding/json"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
)

// OrderView is what customers see of an order. Zero values (no tracking id, a step
// that has not started) are null in its JSON.
type OrderView struct {
	OrderID     domain.OrderID  `json:"order_id"`
	TrackingID  string          `json:"tracking_id"`
	Customer    string          `json:"customer"` // who placed it; left out of its JSON where callers have no names
	Detail      json.RawMessage `json:"detail"`
	Status      domain.Status   `json:"status"`
	CurrentStep domain.Step     `json:"current_step"` // see domain.Order.CurrentStep
	PlacedAt    time.Time       `json:"placed_at"`    // all times UTC, microseconds
	StartedAt   time.Time       `json:"started_at"`   // when the first step started first
	CompletedAt time.Time       `json:"completed_at"` // when it completed, failed or was cancelled
	Version     int             `json:"version"`      // number of events
	RetryOf     domain.OrderID  `json:"retry_of"`     // the order that it is a new try of; left out of its JSON if it is none
	Steps       Steps           `json:"steps"`
}

// StepView is what customers see of one step.
type StepView = rows.StepView

// Steps are all the steps of an order, in the order in which they run: a JSON array of StepView, as
// it is stored and as it goes out.
type Steps string

// UnmarshalJSON keeps the JSON as it is.
func (s *Steps) UnmarshalJSON(b []byte) error {
	*s = Steps(b)
	return nil
}

// Views reads the steps; none if there is no JSON.
func (s Steps) Views() (views []StepView, err error) {
	if s == "" {
		return nil, nil
	}
	err = json.Unmarshal([]byte(s), &views)
	return views, err
}

// ViewOf is the view of an order.
func ViewOf(o domain.Order) OrderView {
	return OrderView{
		OrderID: o.ID, TrackingID: o.TrackingID, Customer: o.Customer, Detail: o.Detail,
		Status: o.Status(), CurrentStep: o.CurrentStep(),
		PlacedAt: o.PlacedAt, StartedAt: o.StartedAt, CompletedAt: o.EndedAt,
		Version: o.Version, RetryOf: o.RetryOf, Steps: Steps(rows.EncodeSteps(&o.Steps)),
	}
}

// viewOf is the view of a row. Detail and steps are copied as they are stored; the steps of an
// earlier program are written anew. Its errors are of kind domain.ErrCorrupt.
func viewOf(r *rows.Row) (OrderView, error) {
	v := OrderView{
		OrderID: r.ID, TrackingID: r.Tracking, Customer: r.Customer, Status: r.Status, CurrentStep: r.Step,
		PlacedAt: r.Placed, StartedAt: r.Started, CompletedAt: r.Completed, Version: r.Version, Steps: Steps(r.Steps),
	}
	var states rows.States
	asSent, err := r.DecodeSteps(&states)
	if err != nil {
		return v, err
	}
	if !asSent {
		v.Steps = Steps(rows.EncodeSteps(&states))
	}
	if r.RetryOf != "" {
		if v.RetryOf, err = domain.ParseOrderID(r.RetryOf); err != nil {
			return v, fmt.Errorf("%w: order %s is stored as a new try of %.100q", domain.ErrCorrupt, r.ID, r.RetryOf)
		}
	}
	if r.Detail == "" {
		return v, nil
	}
	if v.Detail = json.RawMessage(r.Detail); !json.Valid(v.Detail) {
		return v, fmt.Errorf("%w: the detail of order %s is stored as no JSON", domain.ErrCorrupt, r.ID)
	}
	return v, nil
}

// Page is one page of a list.
type Page struct {
	Orders []OrderView `json:"orders"`
	// NextCursor asks for the page after this one; empty (null in JSON) if there is none.
	NextCursor string `json:"next_cursor"`
}
