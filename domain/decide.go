package domain

import (
	"encoding/json"
	"fmt"
)

// Command asks for something to happen to an order. The implementations below are
// all there are.
type Command interface {
	decide(o *Order) ([]Event, error)
	deed() string // for people: the words between "cannot" and "order"
}

// Place opens an order.
type Place struct {
	TrackingID string
	Detail     json.RawMessage
	Customer   string  // who places it, or empty
	KeyHash    string  // see OrderPlaced
	RetryOf    OrderID // or zero
}

// StartStep opens an attempt of the step whose turn it is.
type StartStep struct {
	Step    Step
	Attempt int
	Node    string
}

// CompleteStep closes the open attempt with success.
type CompleteStep struct {
	Step    Step
	Attempt int
}

// FailStep closes the open attempt and turns the order round.
type FailStep struct {
	Step    Step
	Attempt int
	Error   string
}

// InterruptStep closes an open attempt that has no outcome. Reason is the cause, as far as it is
// known.
type InterruptStep struct {
	Step    Step
	Attempt int
	Reason  string
}

// RollBackStep says that the step to roll back next has been compensated.
type RollBackStep struct {
	Step    Step
	Attempt int
	Node    string
}

// Park takes the order out of the flow.
type Park struct{ Reason string }

// Resume puts a parked order back.
type Resume struct{ Reason string }

// Decide says which events follow from command c on the order, or which rule forbids it. It
// changes nothing.
func (o *Order) Decide(c Command) ([]Event, error) {
	if _, placing := c.(Place); !placing && o.Version == 0 {
		return nil, errNotPlaced
	}
	events, err := c.decide(o)
	if err != nil {
		return nil, fmt.Errorf("cannot %s order %s: %w", c.deed(), o.ID, err)
	}
	return events, nil
}

func (Place) deed() string           { return "place" }
func (c StartStep) deed() string     { return "start " + string(c.Step) + " of" }
func (c CompleteStep) deed() string  { return "complete " + string(c.Step) + " of" }
func (c FailStep) deed() string      { return "fail " + string(c.Step) + " of" }
func (c InterruptStep) deed() string { return "interrupt " + string(c.Step) + " of" }
func (c RollBackStep) deed() string  { return "roll back " + string(c.Step) + " of" }
func (Park) deed() string            { return "park" }
func (Resume) deed() string          { return "resume" }
func (never) deed() string           { return "change" }

func (c Place) decide(o *Order) ([]Event, error) {
	if o.Version > 0 {
		return nil, errAlreadyPlaced
	}
	if len(c.Detail) > 0 && !json.Valid(c.Detail) {
		return nil, fmt.Errorf("%w: detail is not JSON", ErrInvalid)
	}
	return []Event{OrderPlaced(c)}, nil
}

func (c StartStep) decide(o *Order) ([]Event, error) {
	if err := o.flowing(); err != nil {
		return nil, err
	}
	if o.rolling() {
		return nil, errRollingBack
	}
	if turn, left := o.next(); !left || turn != c.Step {
		return nil, errOutOfTurn
	}
	state := o.state(c.Step)
	if state.Status == StepStatusRunning {
		return nil, errStepRunning
	}
	if c.Attempt <= state.Attempt {
		return nil, errStaleAttempt
	}
	return []Event{StepStarted{Step: c.Step, Attempt: c.Attempt, Node: c.Node}}, nil
}

func (c CompleteStep) decide(o *Order) ([]Event, error) {
	state, err := o.open(c.Step, c.Attempt)
	if err != nil {
		return nil, err
	}
	events := []Event{StepCompleted{Step: c.Step, Attempt: c.Attempt, Node: state.Node}}
	if _, more := c.Step.Next(); !more && !o.Request.Made() {
		events = append(events, OrderCompleted{})
	}
	return events, nil
}

func (c FailStep) decide(o *Order) ([]Event, error) {
	state, err := o.open(c.Step, c.Attempt)
	if err != nil {
		return nil, err
	}
	return []Event{StepFailed{Step: c.Step, Attempt: c.Attempt, Node: state.Node, Error: c.Error}}, nil
}

func (c InterruptStep) decide(o *Order) ([]Event, error) {
	state, err := o.open(c.Step, c.Attempt)
	if err != nil {
		return nil, err
	}
	return []Event{StepInterrupted{Step: c.Step, Attempt: c.Attempt, Node: state.Node, Reason: c.Reason}}, nil
}

func (c RollBackStep) decide(o *Order) ([]Event, error) {
	if err := o.flowing(); err != nil {
		return nil, err
	}
	turn, left := o.NextRollback()
	if !left {
		return nil, ErrNotRolling
	}
	if turn != c.Step {
		return nil, errOutOfTurn
	}
	events := []Event{StepRolledBack{Step: c.Step, Attempt: c.Attempt, Node: c.Node}}
	if c.Step == steps[0] {
		events = append(events, o.end())
	}
	return events, nil
}

func (c Park) decide(o *Order) ([]Event, error) {
	if err := o.flowing(); err != nil {
		return nil, err
	}
	step := o.CurrentStep()
	if step == "" {
		step = steps[0]
	}
	if o.state(step).Status == StepStatusRunning {
		return nil, errStepRunning
	}
	return []Event{OrderParked{Step: step, Reason: c.Reason}}, nil
}

func (c Resume) decide(o *Order) ([]Event, error) {
	if !o.Parked {
		return nil, errNotParked
	}
	return []Event{OrderResumed{Reason: c.Reason}}, nil
}

// flowing refuses orders that have ended or are parked.
func (o *Order) flowing() error {
	if o.ended() {
		return errEnded
	}
	if o.Parked {
		return ErrParked
	}
	return nil
}

// open gives the state of a step whose open attempt is the given one.
func (o *Order) open(step Step, attempt int) (*StepState, error) {
	state := o.state(step)
	if attempt < state.Attempt {
		return state, errStaleAttempt
	}
	if state.Status != StepStatusRunning || state.Attempt != attempt {
		return state, errNotRunning
	}
	return state, nil
}

// CommandOf is the command that decides an event. Events that only follow from others, such as
// OrderCompleted, have one that is never allowed.
func CommandOf(e Event) Command {
	switch e := e.(type) {
	case OrderPlaced:
		return Place(e)
	case StepStarted:
		return StartStep{Step: e.Step, Attempt: e.Attempt, Node: e.Node}
	case StepCompleted:
		return CompleteStep{Step: e.Step, Attempt: e.Attempt}
	case StepFailed:
		return FailStep{Step: e.Step, Attempt: e.Attempt, Error: e.Error}
	case StepInterrupted:
		return InterruptStep{Step: e.Step, Attempt: e.Attempt, Reason: e.Reason}
	case StepRolledBack:
		return RollBackStep{Step: e.Step, Attempt: e.Attempt, Node: e.Node}
	case OrderParked:
		return Park{Reason: e.Reason}
	case OrderResumed:
		return Resume{Reason: e.Reason}
	case OrderCancelRequested:
		return Cancel(e)
	case OrderFailRequested:
		return Fail(e)
	}
	return never{}
}

// never is the command that is never allowed.
type never struct{}

func (never) decide(*Order) ([]Event, error) { return nil, errOutOfTurn }
