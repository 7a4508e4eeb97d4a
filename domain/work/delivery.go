package work

import (
	"context"

	"orderflow/domain"
)

// Delivery is what the one who delivered a message knows of it, for the handler in whose
// hand it is. It may be used until the message is acked or nacked.
type Delivery interface {
	// Lease is the lease under which the message was delivered.
	Lease() Lease
	// Order is the message's order, if it came along: as it was in the transaction that passed
	// the lease on or started it. It is given once, and is the caller's from then on; then nil.
	Order() *domain.Order
	// MayGoOn says whether the node wants the handler to go on with the order's next step, a
	// message of topic, in the slot of this one.
	MayGoOn(topic string) bool
	// Settled says that the lease has ended in a committed transaction, or is lost:
	// acknowledging the message has nothing left to do.
	Settled()
	// GoOn says that in a committed transaction the lease was passed on, and gives the order
	// along, which may be nil. The next message is delivered when this one is acked.
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
