package domain

import (
	"cmp"
	"time"
)

// Request is what an operator has asked to become of an order.
type Request struct {
	What   string // RequestCancel or RequestFail; empty if nothing was asked
	Reason string
	Now    bool      // the step that runs is not waited for
	At     time.Time // of the first request
}

// What can be asked.
const (
	RequestCancel = "cancel"
	RequestFail   = "fail"
)

// Made says that something was asked.
func (r Request) Made() bool { return r.What != "" }

// after is a request that was made at a time, perhaps after this one.
func (r Request) after(next Request, at time.Time) Request {
	next.At = at
	if r.Made() {
		next.At = r.At
	}
	return next
}

// Cancel asks for the end of an order that has not ended. It may be asked again while a step runs, to have
// that cut short.
type Cancel struct {
	Reason string
	Now    bool // a step that runs is not waited for
}

// Fail gives up a parked order.
type Fail struct{ Reason string }

func (Cancel) deed() string { return "cancel" }
func (Fail) deed() string   { return "fail" }

func (c Cancel) decide(o *Order) ([]Event, error) {
	switch {
	case o.ended():
		return nil, errEnded
	case o.rolling():
		return nil, errRollingBack
	case o.Request.Now:
		return nil, errAskedNow
	case o.Request.Made() && !c.Now:
		return nil, errAsked
	}
	return o.asked(OrderCancelRequested(c), Request{What: RequestCancel, Reason: c.Reason}), nil
}

func (c Fail) decide(o *Order) ([]Event, error) {
	switch {
	case o.ended():
		return nil, errEnded
	case o.rolling():
		return nil, errRollingBack
	case !o.Parked:
		return nil, errNotParked
	}
	return o.asked(OrderFailRequested(c), Request{What: RequestFail, Reason: c.Reason}), nil
}

// asked is a request, and the end of the order if there is nothing to roll back.
func (o *Order) asked(e Event, r Request) []Event {
	if o.begun() {
		return []Event{e}
	}
	after := *o
	after.Request = r
	return []Event{e, after.end()}
}

// end is the event that ends an order that has been rolled back.
func (o *Order) end() Event {
	step, reason := o.failure()
	switch o.Request.What {
	case RequestCancel:
		return OrderCancelled{Reason: o.Request.Reason}
	case RequestFail:
		step, reason = cmp.Or(step, steps[0]), o.Request.Reason
	}
	return OrderFailed{Step: step, Reason: reason}
}

// TurnsRound says that the order begins to roll back with e as its next event.
func (o *Order) TurnsRound(e Event) bool {
	if o.rolling() {
		return false
	}
	next := *o
	return next.evolve(e, next.PlacedAt) == nil && next.rolling()
}

// Running says that an attempt of a step is open.
func (o *Order) Running() bool {
	for i := range o.Steps {
		if o.Steps[i].Status == StepStatusRunning {
			return true
		}
	}
	return false
}
