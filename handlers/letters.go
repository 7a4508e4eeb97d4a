package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Letter is one dead letter: a message that was parked.
type Letter interface {
	// Body is the payload of the message.
	Body() []byte
	// Requeue gives the message back to the workers. A unit of work that is not nil is appended in the
	// same transaction. It is domain.ErrNotFound if the letter is gone.
	Requeue(ctx context.Context, unit *work.Unit) error
	// Discard removes the letter; domain.ErrNotFound if it is gone.
	Discard(ctx context.Context) error
}

// Letters requeues and discards dead letters for an operator, and resumes their orders.
type Letters struct{ Orders Loader }

// Requeue gives a letter back to the workers. If the letter's order is parked, the order is resumed in the
// same transaction, with meta and for the reason. Its cause is the order's last event, unless meta has another. resumed is
// the order's id then, and zero otherwise.
func (l Letters) Requeue(ctx context.Context, letter Letter, meta domain.Metadata, reason string) (resumed domain.OrderID, err error) {
	order, last, err := l.order(ctx, letter)
	if err != nil {
		return resumed, err
	}
	if !order.Parked {
		return resumed, letter.Requeue(ctx, nil)
	}
	meta.CausationID, meta.CorrelationID = cmp.Or(meta.CausationID, domain.EventID(order.ID, last.Version)), last.Metadata.CorrelationID
	unit, err := work.Prepare(&order, meta, domain.Resume{Reason: reason})
	if err != nil {
		return resumed, err
	}
	return order.ID, letter.Requeue(ctx, &unit)
}

// Discard removes a letter, unless a parked order waits for it.
func (l Letters) Discard(ctx context.Context, letter Letter) error {
	order, _, err := l.order(ctx, letter)
	if err != nil {
		return err
	}
	if order.Parked {
		return fmt.Errorf("%w: order %s is parked and could never go on without it: requeue it, or cancel or fail the order", domain.ErrRule, order.ID)
	}
	return letter.Discard(ctx)
}

// order is the order that a letter is about, and its last event; the zero order if there is none.
func (l Letters) order(ctx context.Context, letter Letter) (o domain.Order, last domain.Recorded, err error) {
	id, err := work.DecodePayload(letter.Body())
	if err != nil {
		return o, last, nil //nolint:nilerr // a message that names no order is why it is here
	}
	events, err := l.Orders.Load(ctx, id)
	if errors.Is(err, domain.ErrNotFound) {
		return o, last, nil
	}
	if err != nil {
		return o, last, err
	}
	o, err = domain.Fold(events)
	return o, events[len(events)-1], err
}
