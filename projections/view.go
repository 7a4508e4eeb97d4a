package projections

import (
	"encoding/json"
	"time"

	"orderflow/domain"
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
	CompletedAt time.Time       `json:"completed_at"` // when it completed or failed
	Version     int             `json:"version"`      // number of events
	Steps       Steps           `json:"steps"`
}

// Steps are all the steps of an order, in the order in which they run: a JSON array of StepView, as
// it is stored and as it goes out.
type Steps string

// UnmarshalJSON keeps the JSON as it is.
func (s *Steps) UnmarshalJSON(b []byte) error {
	*s = Steps(b)
	return nil
}

// StepView is what customers see of one step. Times, node and error are those of its
// latest attempt.
type StepView struct {
	Step         domain.Step       `json:"step"`
	Status       domain.StepStatus `json:"status"`
	Attempt      int               `json:"attempt"` // 0 before the first
	Node         string            `json:"node"`
	StartedAt    time.Time         `json:"started_at"`
	CompletedAt  time.Time         `json:"completed_at"` // when it completed, failed or was interrupted
	Error        string            `json:"error"`
	RolledBackAt time.Time         `json:"rolled_back_at"`
}

// Views reads the steps; none if there is no JSON.
func (s Steps) Views() (views []StepView, err error) {
	if s == "" {
		return nil, nil
	}
	return views, json.Unmarshal([]byte(s), &views)
}

func (v StepView) state() domain.StepState {
	return domain.StepState{
		Status: v.Status, Attempt: v.Attempt, Node: v.Node, StartedAt: v.StartedAt,
		CompletedAt: v.CompletedAt, Error: v.Error, RolledBackAt: v.RolledBackAt,
	}
}

// ViewOf is the view of an order.
func ViewOf(o domain.Order) OrderView {
	return OrderView{
		OrderID: o.ID, TrackingID: o.TrackingID, Customer: o.Customer, Detail: o.Detail,
		Status: o.Status(), CurrentStep: o.CurrentStep(),
		PlacedAt: o.PlacedAt, StartedAt: o.StartedAt, CompletedAt: o.EndedAt,
		Version: o.Version, Steps: Steps(encodeSteps(&o.Steps)),
	}
}

// Page is one page of a list.
type Page struct {
	Orders []OrderView `json:"orders"`
	// NextCursor asks for the page after this one; empty (null in JSON) if there is none.
	NextCursor string `json:"next_cursor"`
}
