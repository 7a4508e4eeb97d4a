package console

import (
	"time"

	"orderflow/domain"
	"orderflow/projections"
)

// orderRow is an order in a list.
type orderRow struct {
	ID         domain.OrderID `json:"order_id"`
	TrackingID string         `json:"tracking_id"`
	Customer   string         `json:"customer"`
	Status     domain.Status  `json:"status"`
	Step       domain.Step    `json:"current_step"`
	Attempt    int            `json:"attempt"` // the latest, with its node and error; 0 if there was none
	Node       string         `json:"node"`
	PlacedAt   time.Time      `json:"placed_at"`
	StartedAt  time.Time      `json:"started_at,omitzero"`
	EndedAt    time.Time      `json:"completed_at,omitzero"`
	Version    int            `json:"version"`
	Error      string         `json:"error"`
	asOf       time.Time
}

func rowOf(o projections.OrderView, asOf time.Time) (orderRow, error) {
	row := orderRow{
		ID: o.OrderID, TrackingID: o.TrackingID, Customer: o.Customer, Status: o.Status, Step: o.CurrentStep,
		PlacedAt: o.PlacedAt, StartedAt: o.StartedAt, EndedAt: o.CompletedAt, Version: o.Version, asOf: asOf,
	}
	steps, err := o.Steps.Views()
	var latest time.Time
	for _, s := range steps {
		if s.Attempt > 0 && !s.StartedAt.Before(latest) {
			latest, row.Attempt, row.Node, row.Error = s.StartedAt, s.Attempt, s.Node, s.Error
		}
	}
	return row, err
}

// Name is what the order is called.
func (o orderRow) Name() string {
	if o.TrackingID == "" {
		return o.ID.String()
	}
	return cut(o.TrackingID, 80)
}

// Lasted is how many seconds it was from the order's placing to its end, or is by now.
func (o orderRow) Lasted() float64 {
	end := o.EndedAt
	if end.IsZero() {
		end = o.asOf
	}
	return max(0, end.Sub(o.PlacedAt).Seconds())
}
