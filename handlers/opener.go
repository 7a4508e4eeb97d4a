package handlers

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
)

// Slots gives free slots of this node to messages that are about to be appended.
type Slots interface {
	// Reserve gives the lease to append a message of topic under, with work.SettleTake, or nil
	// if the message has to wait for its turn like others. end must be called once: with the
	// message, when the append has been committed, or with nil.
	Reserve(topic string) (lease *work.Lease, end func(*work.Message))
}

// OpenerConfig is what an Opener works with. All of it is required.
type OpenerConfig struct {
	Store Store
	Slots Slots
	// Node is the name under which the work is recorded.
	Node string
}

// Opener appends what opens an order. Where this node has a free slot and nothing waits
// for one, it starts the order's first step in the same transaction, and the order does not
// go through the outbox.
type Opener struct{ conf OpenerConfig }

// NewOpener checks c; what is missing is of kind domain.ErrInvalid.
func NewOpener(c OpenerConfig) (*Opener, error) {
	if c.Store == nil || c.Slots == nil || c.Node == "" {
		return nil, fmt.Errorf("%w: an opener needs a store, slots and the name of its node", domain.ErrInvalid)
	}
	return &Opener{conf: c}, nil
}

// Append commits a whole and gives its events as they were recorded, without those of the
// first step's start. Its errors are the store's.
func (o *Opener) Append(ctx context.Context, a work.Unit) ([]domain.Recorded, error) {
	events, err := o.start(ctx, a)
	if errors.Is(err, domain.ErrFenced) { // nothing of it was kept, and the node takes no work
		return o.conf.Store.Append(ctx, a)
	}
	return events, err
}

// start is Append with the start of the first step, if there is a slot for it.
func (o *Opener) start(ctx context.Context, a work.Unit) (events []domain.Recorded, err error) {
	first := domain.Steps()[0]
	if a.Expected != 0 || len(a.Messages) != 1 || a.Messages[0].Topic != work.StepTopic(first) {
		return o.conf.Store.Append(ctx, a)
	}
	lease, end := o.conf.Slots.Reserve(a.Messages[0].Topic)
	if lease == nil {
		return o.conf.Store.Append(ctx, a)
	}
	var started *work.Message
	defer func() { end(started) }()
	meta := domain.Metadata{
		Actor: "worker", Node: o.conf.Node, Attempt: lease.Attempt,
		CorrelationID: a.Metadata.CorrelationID, TraceParent: a.Metadata.TraceParent, CausationID: a.Messages[0].UUID,
	}
	unit, err := a.Then(meta, domain.StartStep{Step: first, Attempt: lease.Attempt, Node: o.conf.Node})
	if err != nil {
		return nil, err
	}
	unit.Lease, unit.Settle = lease, work.SettleTake
	if events, err = o.conf.Store.Append(ctx, unit); err != nil {
		return nil, err
	}
	crashpoint.Here("take.committed")
	order := new(domain.Order)
	if err := order.ApplyAll(events); err == nil { // otherwise the handler of the message finds out
		lease.Carry(order)
	}
	started = &unit.Messages[0]
	return events[:len(a.Events)], nil
}
