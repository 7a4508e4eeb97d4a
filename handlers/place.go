package handlers

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
)

// Slots reserves free slots of this node for messages that are about to be appended.
type Slots interface {
	// Reserve reserves a slot and gives the lease under which to append a message of topic with
	// work.SettleStart. end is nil if no slot is free, or if other messages have precedence. Otherwise
	// end must be called once: with the message that was appended, and its order or nil; or with nil if
	// the append failed.
	Reserve(topic string) (lease work.Lease, end func(*work.Next, *domain.Order))
}

// PlacingConfig is what placing orders works with.
type PlacingConfig struct {
	// Store is required. A reservation that is taken is a *domain.DuplicateError.
	Store Appender
	// Node is the node named in the events. Required if there are Slots.
	Node string
	// Slots are this node's own workers; nil if it has none.
	Slots Slots
	// Closed says why no orders are taken now; its answer is nil if they are. Optional.
	Closed func() error
	// Observe is told of the events of orders that were placed; see StepsConfig. Optional.
	Observe Observe
	// NewID makes the ids of orders; nil: UUIDs of version 7.
	NewID func() (domain.OrderID, error)
}

// Placing places orders. It is the one way in, for the HTTP API and for commands.
type Placing struct{ conf PlacingConfig }

// NewPlacing checks c; what is missing is of kind domain.ErrInvalid.
func NewPlacing(c PlacingConfig) (*Placing, error) {
	switch {
	case c.Store == nil:
		return nil, fmt.Errorf("%w: placing orders needs a store", domain.ErrInvalid)
	case c.Slots != nil && c.Node == "":
		return nil, fmt.Errorf("%w: starting orders needs the name of the node", domain.ErrInvalid)
	}
	if c.Closed == nil {
		c.Closed = func() error { return nil }
	}
	if c.NewID == nil {
		c.NewID = newOrderID
	}
	c.Observe = c.Observe.orNone()
	return &Placing{conf: c}, nil
}

// newOrderID makes ids that sort by the time they were made (RFC 9562).
func newOrderID() (domain.OrderID, error) {
	id, err := uuid.NewV7()
	return domain.OrderID(id), err
}

// Placed is an order that has been placed.
type Placed struct {
	OrderID domain.OrderID `json:"order_id"`
	// Status is Pending, also for a repeat, whose answer is that of the first time.
	Status domain.Status `json:"status"`
	// Repeated says that the order had been placed before, with the same content.
	Repeated bool `json:"-"`
}

// Place appends the order's first event. With a tracking id or an idempotency key it may be repeated:
// the same content gives the same order, other content a *domain.DuplicateError. The content is the
// tracking id and the compacted detail, byte for byte. A malformed field is a *domain.FieldError. Other
// errors are the store's; Placed then names the order that holds the key, or that may have been placed.
func (p *Placing) Place(ctx context.Context, o NewOrder) (Placed, error) {
	o, err := o.checked()
	if err != nil {
		return Placed{}, err
	}
	unit, err := p.unit(o)
	if err != nil {
		return Placed{}, err
	}
	placed := Placed{OrderID: unit.OrderID, Status: domain.StatusPending}
	err = p.append(ctx, unit)
	var duplicate *domain.DuplicateError
	if errors.As(err, &duplicate) {
		placed.OrderID, placed.Repeated = duplicate.OrderID, duplicate.Same
	}
	if err != nil && !placed.Repeated {
		return Placed{OrderID: placed.OrderID}, fmt.Errorf("place order %s: %w", unit.OrderID, err)
	}
	return placed, nil
}

// unit is the unit of work that opens the order and reserves its keys.
func (p *Placing) unit(o NewOrder) (work.Unit, error) {
	id, err := p.conf.NewID()
	if err != nil {
		return work.Unit{}, fmt.Errorf("make an order id: %w", err)
	}
	meta := domain.Metadata{Actor: o.Actor, Node: p.conf.Node, CorrelationID: o.CorrelationID, TraceParent: o.TraceParent}
	unit, err := work.Prepare(&domain.Order{ID: id}, meta, domain.Place{
		TrackingID: o.TrackingID, Detail: o.Detail, Customer: o.Customer, KeyHash: o.keyHash(),
	})
	unit.Reservations = o.reservations()
	return unit, err
}

// append commits the unit. If a worker of this node is free, the unit also starts the order's first
// step on it, and the order does not go through the outbox.
func (p *Placing) append(ctx context.Context, unit work.Unit) error {
	if why := p.conf.Closed(); why != nil {
		return why
	}
	if p.conf.Slots != nil {
		if lease, end := p.conf.Slots.Reserve(unit.Messages[0].Topic); end != nil {
			err := p.start(ctx, unit, lease, end)
			if !errors.Is(err, domain.ErrFenced) { // after which nothing was kept, and the node takes no work
				return err
			}
		}
	}
	done, err := p.conf.Store.Append(ctx, unit)
	if err == nil {
		p.conf.Observe(nil, done.Events)
	}
	return err
}

// start commits the unit together with the start of the order's first step under a lease.
func (p *Placing) start(ctx context.Context, unit work.Unit, lease work.Lease, end func(*work.Next, *domain.Order)) error {
	var started *work.Next
	var order *domain.Order
	defer func() { end(started, order) }()
	meta := domain.Metadata{
		Actor: "worker", Node: p.conf.Node, Attempt: lease.Attempt,
		CorrelationID: unit.Metadata.CorrelationID, TraceParent: unit.Metadata.TraceParent, CausationID: unit.Messages[0].UUID,
	}
	unit, err := unit.Then(meta, domain.StartStep{Step: domain.Steps()[0], Attempt: lease.Attempt, Node: p.conf.Node})
	if err != nil {
		return err
	}
	unit.Lease, unit.Settle = lease, work.SettleStart
	done, err := p.conf.Store.Append(ctx, unit)
	if err != nil {
		return err
	}
	crashpoint.Here("start.committed")
	if o, err := domain.Fold(done.Events); err == nil { // otherwise the handler of the message finds out
		order = &o
	}
	p.conf.Observe(order, done.Events)
	started = done.Next
	return nil
}
