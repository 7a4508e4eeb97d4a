package handlers

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
)

type lease = work.Lease

// hand is a message in a handler's hand, as the subscriber knows it: a work.Delivery. The
// fields of its lease are its own.
type hand struct {
	lease
	order   *domain.Order
	may     func(topic string) bool // never, if nil
	settled bool
	next    *work.Next
	with    *domain.Order // goes along with next
}

var _ work.Delivery = (*hand)(nil)

func (h *hand) Lease() work.Lease { return h.lease }

func (h *hand) Order() *domain.Order {
	o := h.order
	h.order = nil
	return o
}

func (h *hand) MayGoOn(topic string) bool { return h.may != nil && h.may(topic) }

func (h *hand) Settled() { h.settled = true }

func (h *hand) GoOn(next work.Next, o *domain.Order) { h.settled, h.next, h.with = true, &next, o }

// passed is the message that took the place of this one, in the hand of its handler.
func (h *hand) passed() (*hand, *message.Message) {
	return &hand{lease: h.next.Lease, order: h.with, may: h.may}, message.NewMessage(h.next.Message.UUID, h.next.Message.Payload)
}

// handle has a message handled.
func (b *bench) handle(ctx context.Context, h *hand, msg *message.Message) error {
	b.t.Helper()
	msg.SetContext(work.WithDelivery(ctx, h))
	return b.steps.Handler(h.Topic)(msg)
}
