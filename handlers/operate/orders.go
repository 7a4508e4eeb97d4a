package operate

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Orders keeps the events of orders.
type Orders interface {
	// Load gives all events of an order in order of version; domain.ErrNotFound if there are none.
	Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error)
	// Append commits a unit of work and, in the same transaction, what is beside it. It is domain.ErrConflict if the
	// stream has moved on, and domain.ErrUnavailable if a node of the cluster could not read the events.
	Append(ctx context.Context, u work.Unit, b Beside) error
}

// Beside is what changes together with an order, beside its events and messages.
type Beside struct {
	// Message has nothing more to ask for; nil if it has. If it is a dead letter, that is removed.
	Message *work.Cause
	// Control is set; nil for none.
	Control *work.Control
}

// OrderLevers are the levers on one order.
type OrderLevers struct{ Orders Orders }

// Seen is an order as the caller saw it.
type Seen struct {
	ID domain.OrderID
	// Version that the order must still have; 0 for any.
	Version int
}

// VersionError says that an order is not at the version that the caller saw. It is a domain.ErrConflict.
type VersionError struct {
	Seen    Seen
	Version int // of the order
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%v: order %s is at version %d, and not at %d: look at it again", domain.ErrConflict, e.Seen.ID, e.Version, e.Seen.Version)
}

// Is makes it a domain.ErrConflict.
func (e *VersionError) Is(target error) bool { return target == domain.ErrConflict }

// Asked is what became of an order, and what comes next.
type Asked struct {
	OrderID domain.OrderID `json:"order_id"`
	Status  domain.Status  `json:"status"`
	Version int            `json:"version"`
	// Next says what happens next, in a sentence.
	Next string `json:"next"`
}

// mostTries bounds how often a decision is made again, because the order has moved on meanwhile.
const mostTries = 10

// order loads an order, which must be as it was seen.
func (l OrderLevers) order(ctx context.Context, seen Seen) (o domain.Order, events []domain.Recorded, err error) {
	if events, err = l.Orders.Load(ctx, seen.ID); err != nil {
		return o, nil, err
	}
	if o, err = domain.Fold(events); err != nil {
		return o, nil, err
	}
	if seen.Version != 0 && seen.Version != o.Version {
		err = &VersionError{Seen: seen, Version: o.Version}
	}
	return o, events, err
}

// ask appends what a command decides. beside gives what changes with it, given the order as it is then; nil for nothing.
func (l OrderLevers) ask(ctx context.Context, seen Seen, by By, c domain.Command, beside func(after *domain.Order) *work.Control) (after *domain.Order, err error) {
	if err := by.Check(); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		o, events, err := l.order(ctx, seen)
		if err != nil {
			return nil, err
		}
		u, err := work.Prepare(&o, by.metadata(events[len(events)-1]), c)
		if errors.Is(err, domain.ErrRule) {
			return nil, standing(&o, err)
		}
		if err != nil {
			return nil, err
		}
		if after, err = o.After(u.Events); err != nil {
			return nil, err
		}
		b := Beside{Control: beside(after)}
		if causes := work.Causes(events); len(causes) > 0 && !after.Running() {
			b.Message = &causes[len(causes)-1]
		}
		err = l.Orders.Append(ctx, u, b)
		if !errors.Is(err, domain.ErrConflict) || try == mostTries {
			return after, err
		}
	}
}

// standing says that an order stands so that a rule is in the way.
func standing(o *domain.Order, err error) error {
	return &StandError{Err: err, OrderID: o.ID, Status: o.Status(), Version: o.Version}
}

// StandError is a rule that forbids something as the order stands. It is a domain.ErrRule.
type StandError struct {
	Err     error // the rule
	OrderID domain.OrderID
	Status  domain.Status
	Version int
}

func (e *StandError) Error() string {
	return fmt.Sprintf("%v (it is %s, at version %d)", e.Err, e.Status, e.Version)
}

func (e *StandError) Unwrap() error { return e.Err }

// metadata is that of an event which an operator causes, after the last one of its order.
func (by By) metadata(last domain.Recorded) domain.Metadata {
	return domain.Metadata{
		Actor: by.Actor, RunBy: by.About["run_by"],
		CausationID: domain.EventID(last.OrderID, last.Version), CorrelationID: last.Metadata.CorrelationID,
	}
}

// asked is the answer about an order as it is now.
func asked(o *domain.Order, next string) Asked {
	return Asked{OrderID: o.ID, Status: o.Status(), Version: o.Version, Next: next}
}

// rollsBack says what is rolled back, and how the order ends then.
func rollsBack(o *domain.Order, end domain.Status) string {
	var steps []domain.Step
	for _, step := range domain.Steps() {
		if o.Step(step).Attempt > 0 {
			steps = append([]domain.Step{step}, steps...)
		}
	}
	return fmt.Sprintf("%s, last first, and the order ends %s", domain.List(steps), end)
}
