package work

import (
	"context"

	"orderflow/domain"
)

// Delivery tells a handler about the message that it was given, and takes the handler's word on how
// the message ended. It may be used until the message is acked or nacked.
type Delivery interface {
	// Lease is the lease under which the message was delivered.
	Lease() Lease
	// Order is the message's order after the transaction that passed the lease on or started it; nil
	// if it is not at hand. The first caller owns the order, and later calls give nil.
	Order() *domain.Order
	// MayGoOn says whether the handler may go on with the order's next step, whose message is of
	// topic, in the slot of this message.
	MayGoOn(topic string) bool
	// Settled says that the lease has ended in a committed transaction, or is lost:
	// acknowledging the message has nothing left to do.
	Settled()
	// GoOn says that a committed transaction passed the lease on to next. o is the order after it,
	// or nil. The next message is delivered when this one is acked.
	GoOn(next Next, o *domain.Order)
}

type deliveryKey struct{}

// WithDelivery puts the delivery of a message into its context.
func WithDelivery(ctx context.Context, d Delivery) context.Context {
	return context.WithValue(ctx, deliveryKey{}, d)
}

// DeliveryFrom is the delivery that WithDelivery put into ctx, or nil.
func DeliveryFrom(ctx context.Context) Delivery {
	d, _ := ctx.Value(deliveryKey{}).(Delivery)
	return d
}
