package domain

import (
	"encoding/json"
	"fmt"
	"time"
)

// Order is the state of an order: the fold of its events. The zero value is the
// order before it has been placed.
type Order struct {
	ID         OrderID
	TrackingID string
	Customer   string // who placed it; empty if callers have no names
	Detail     json.RawMessage
	Steps      [StepCount]StepState
	PlacedAt   time.Time
	StartedAt  time.Time // when the first step started first; zero before
	EndedAt    time.Time // when it completed, failed or was cancelled; zero before
	Version    int       // number of events
	Parked     bool
	RetryOf    OrderID // the order that this one is a new try of, or zero
	Request    Request // an operator's last; the zero value if there was none
	outcome    Status  // once it has ended
}

// StepState is the state of one step. Times are those of its latest attempt.
type StepState struct {
	Status       StepStatus
	Attempt      int // of the latest attempt; 0 before the first
	Node         string
	StartedAt    time.Time
	CompletedAt  time.Time // when it completed, failed or was interrupted
	RolledBackAt time.Time
	Error        string // of the failure or interruption
}

// Fold makes the order of events, which must be a whole stream.
func Fold(events []Recorded) (Order, error) {
	var o Order
	if err := o.Apply(events...); err != nil {
		return Order{}, err
	}
	return o, nil
}

// Apply moves the order on by its next events. An event out of sequence or of another order is an
// error of kind ErrCorrupt, after which the order is of no use. Events from Decide always apply.
func (o *Order) Apply(events ...Recorded) error {
	for i := range events {
		r := &events[i]
		if r.Version != o.Version+1 {
			return fmt.Errorf("%w: order %s: event version %d follows version %d", ErrCorrupt, r.OrderID, r.Version, o.Version)
		}
		if o.Version > 0 && r.OrderID != o.ID {
			return fmt.Errorf("%w: order %s: event %d belongs to order %s", ErrCorrupt, o.ID, r.Version, r.OrderID)
		}
		o.ID = r.OrderID
		if err := o.evolve(r.Event, r.RecordedAt); err != nil {
			return fmt.Errorf("order %s, event %d: %w", r.OrderID, r.Version, err)
		}
	}
	return nil
}

func (o *Order) evolve(e Event, at time.Time) error {
	switch e := e.(type) {
	case OrderPlaced:
		o.TrackingID, o.Customer, o.Detail, o.RetryOf, o.PlacedAt = e.TrackingID, e.Customer, e.Detail, e.RetryOf, at
		for i := range o.Steps {
			o.Steps[i].Status = StepStatusPending
		}
	case StepStarted:
		if o.StartedAt.IsZero() {
			o.StartedAt = at
		}
		return o.change(e.Step, func(s *StepState) {
			*s = StepState{Status: StepStatusRunning, Attempt: e.Attempt, Node: e.Node, StartedAt: at}
		})
	case StepCompleted:
		return o.change(e.Step, func(s *StepState) { s.Status, s.CompletedAt = StepStatusCompleted, at })
	case StepFailed:
		return o.change(e.Step, func(s *StepState) { s.Status, s.CompletedAt, s.Error = StepStatusFailed, at, e.Error })
	case StepInterrupted:
		return o.change(e.Step, func(s *StepState) { s.Status, s.CompletedAt, s.Error = StepStatusInterrupted, at, e.Reason })
	case StepRolledBack:
		return o.change(e.Step, func(s *StepState) { s.Status, s.RolledBackAt = StepStatusRolledBack, at })
	case OrderCompleted, OrderFailed, OrderCancelled:
		o.outcome, o.EndedAt = outcomeOf(e), at
	case OrderCancelRequested:
		o.Parked, o.Request = false, o.Request.after(Request{What: RequestCancel, Reason: e.Reason, Now: e.Now}, at)
	case OrderFailRequested:
		o.Parked, o.Request = false, o.Request.after(Request{What: RequestFail, Reason: e.Reason}, at)
	case OrderParked:
		o.Parked = true
	case OrderResumed:
		o.Parked = false
	default:
		return fmt.Errorf("%w: event type %T is unknown", ErrCorrupt, e)
	}
	o.Version++
	return nil
}

// After gives a copy of the order with events that are not stored yet. The copy has no times of
// these events; it is for deciding what comes next.
func (o *Order) After(events []Event) (*Order, error) {
	next := *o
	for _, e := range events {
		if err := next.evolve(e, next.PlacedAt); err != nil {
			return nil, err
		}
	}
	return &next, nil
}

func (o *Order) change(step Step, f func(*StepState)) error {
	i := step.index()
	if i < 0 {
		return fmt.Errorf("%w: step %q is unknown", ErrCorrupt, step)
	}
	f(&o.Steps[i])
	o.Version++
	return nil
}

// Step is the state of one step; the zero state for an unknown one.
func (o *Order) Step(step Step) StepState { return *o.state(step) }

func (o *Order) state(step Step) *StepState {
	if i := step.index(); i >= 0 {
		return &o.Steps[i]
	}
	return &StepState{}
}

// Status is where the order stands.
func (o *Order) Status() Status {
	switch {
	case o.ended():
		return o.outcome
	case o.Parked:
		return StatusParked
	case o.rolling():
		return StatusRollingBack
	case !o.begun():
		return StatusPending
	}
	return Status(o.turn())
}

// CurrentStep is the step that runs or is next. While the order rolls back it is the step to
// roll back next. It is empty before the first step starts and after the order has ended.
func (o *Order) CurrentStep() Step {
	if o.ended() || !o.begun() {
		return ""
	}
	if o.rolling() {
		step, _ := o.NextRollback()
		return step
	}
	return o.turn()
}

// turn is the step that runs or is next. When all four have completed it is the last one: the
// order's own completion is a second event of the same decision, and may still be to come.
func (o *Order) turn() Step {
	if step, left := o.next(); left {
		return step
	}
	return steps[StepCount-1]
}

// NextRollback is the last step that may have had effects and has not been rolled back: it failed, completed
// or was interrupted. False if there is none, or if the order does not roll back.
func (o *Order) NextRollback() (Step, bool) {
	if !o.rolling() {
		return "", false
	}
	for i := StepCount - 1; i >= 0; i-- {
		if s := o.Steps[i].Status; s == StepStatusFailed || s == StepStatusCompleted || s == StepStatusInterrupted {
			return steps[i], true
		}
	}
	return "", false
}

// begun says that the first step has started once.
func (o *Order) begun() bool { return o.Steps[0].Attempt > 0 }

func (o *Order) ended() bool { return o.outcome != "" }

// outcomeOf is how an event ends its order; empty if it does not.
func outcomeOf(e Event) Status {
	switch e.(type) {
	case OrderCompleted:
		return StatusCompleted
	case OrderFailed:
		return StatusFailed
	case OrderCancelled:
		return StatusCancelled
	}
	return ""
}

// rolling says that what was done is to be compensated, and the order has not ended: a step has failed, or
// an operator has asked for it and no attempt is open.
func (o *Order) rolling() bool {
	if o.ended() {
		return false
	}
	asked := o.Request.Made() && o.begun()
	for i := range o.Steps {
		switch o.Steps[i].Status {
		case StepStatusFailed, StepStatusRolledBack:
			return true
		case StepStatusRunning:
			asked = false
		}
	}
	return asked
}

// next is the first step that has not completed; false when all have.
func (o *Order) next() (Step, bool) {
	for i := range o.Steps {
		if o.Steps[i].Status != StepStatusCompleted {
			return steps[i], true
		}
	}
	return "", false
}

// failure is the step that failed and why.
func (o *Order) failure() (Step, string) {
	for i := StepCount - 1; i >= 0; i-- {
		if s := &o.Steps[i]; s.Status == StepStatusFailed || s.Status == StepStatusRolledBack {
			return steps[i], s.Error
		}
	}
	return "", ""
}
