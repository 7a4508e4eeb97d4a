package projections

import (
	"encoding/json"
	"time"

	"orderflow/domain"
)

// OrderView is what customers see of an order. Zero values (no tracking id, a step
// that has not started) are null in its JSON.
type OrderView struct {
	OrderID     domain.OrderID
	TrackingID  string
	Customer    string // who placed it; left out of its JSON where callers have no names
	Detail      json.RawMessage
	Status      domain.Status
	CurrentStep domain.Step // see domain.Order.CurrentStep
	PlacedAt    time.Time   // all times UTC, microseconds
	StartedAt   time.Time   // when the first step started first
	CompletedAt time.Time   // when it completed or failed
	Version     int         // number of events
	Steps       []StepView  // all of them, in the order in which they run
}

// StepView is what customers see of one step. Times, node and error are those of its
// latest attempt.
type StepView struct {
	Step         domain.Step
	Status       domain.StepStatus
	Attempt      int // 0 before the first
	Node         string
	StartedAt    time.Time
	CompletedAt  time.Time // when it completed, failed or was interrupted
	Error        string
	RolledBackAt time.Time
}

// ViewOf is the view of an order.
func ViewOf(o domain.Order) OrderView {
	return OrderView{
		OrderID: o.ID, TrackingID: o.TrackingID, Customer: o.Customer, Detail: o.Detail,
		Status: o.Status(), CurrentStep: o.CurrentStep(),
		PlacedAt: o.PlacedAt, StartedAt: o.StartedAt, CompletedAt: o.EndedAt,
		Version: o.Version, Steps: stepViews(o),
	}
}

func stepViews(o domain.Order) []StepView {
	views := make([]StepView, 0, domain.StepCount)
	for i, step := range steps {
		s := o.Steps[i]
		views = append(views, StepView{
			Step: step, Status: s.Status, Attempt: s.Attempt, Node: s.Node, StartedAt: s.StartedAt,
			CompletedAt: s.CompletedAt, Error: s.Error, RolledBackAt: s.RolledBackAt,
		})
	}
	return views
}

// latestNode is the node of the order's latest attempt, or empty. Steps run one after
// the other, so it is that of the last step that has had one.
func latestNode(o domain.Order) string {
	for i := domain.StepCount - 1; i >= 0; i-- {
		if o.Steps[i].Attempt > 0 {
			return o.Steps[i].Node
		}
	}
	return ""
}

// Page is one page of a list.
type Page struct {
	Orders []OrderView
	// NextCursor asks for the page after this one; empty (null in JSON) if there is none.
	NextCursor string
}
