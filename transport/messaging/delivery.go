package messaging

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/transport/messaging/inflight"
)

// delivery is a message in a slot, from its claim to the end of its handler. The fields that the handler
// sets are read once the message is acked.
type delivery struct {
	inHand
	by     *dispatcher
	tenure work.Tenure
	msg    *message.Message
	order  *domain.Order // came along; nil once the handler has it

	settled bool
	next    *delivery // takes the slot when this one is acked
}

var _ work.Delivery = (*delivery)(nil)

// Lease is work.Delivery.
func (d *delivery) Lease() work.Lease { return d.lease }

// Order is work.Delivery.
func (d *delivery) Order() *domain.Order {
	o := d.order
	d.order = nil
	return o
}

// MayGoOn is work.Delivery. The answer is no while a message that has precedence waits for a slot, while the
// topic is held, while the subscriber drains or keeps messages in order, and while the topic has no subscription, as
// on a node that is still starting.
func (d *delivery) MayGoOn(topic string) bool {
	x := d.by
	return !x.conf.Ordered && !x.conf.Held(topic) && d.tenure.Context.Err() == nil && x.slots.mayPass(x.conf.rank(topic)) && x.subs.serves(topic)
}

// Settled is work.Delivery.
func (d *delivery) Settled() { d.settled = true }

// GoOn is work.Delivery.
func (d *delivery) GoOn(next work.Next, o *domain.Order) {
	d.settled, d.next = true, d.by.started(d.tenure, next, o)
}

// dispatcher brings messages to the subscriptions of their topics, and stays with each to its end.
type dispatcher struct {
	conf   *Config
	slots  *slots
	subs   *subscriptions
	closed chan struct{} // closed when nobody stores acknowledgements any more
}

// claimed delivers messages that were claimed, and puts each into its slot. A message that no subscription has taken
// when the slots begin to drain is given back, and so is one whose topic has come to be held since it was claimed.
func (x *dispatcher) claimed(tenure work.Tenure, claims []inflight.Claim, put func(*inHand)) {
	for i, c := range claims {
		m, err := newMessage(c.UUID, c.Payload, c.Metadata)
		d := &delivery{inHand: inHand{c.Lease, c.Suspect}, by: x, tenure: tenure, msg: m}
		put(&d.inHand)
		if err != nil {
			x.conf.Logger.WithFields(workFields(d.lease, m)).WithError(err).Error("a message cannot be read; it will be tried again")
			x.finish(d, inflight.Ack{Delay: time.Minute})
			continue
		}
		if x.conf.Held(c.Lease.Topic) {
			x.finish(d, inflight.Ack{})
			continue
		}
		x.deliver(d, i, x.slots.draining.Done())
	}
}

// started is the delivery of a message whose step was recorded as started when it was appended.
func (x *dispatcher) started(tenure work.Tenure, next work.Next, o *domain.Order) *delivery {
	m := message.NewMessage(next.Message.UUID, next.Message.Payload)
	for k, v := range next.Message.Metadata {
		m.Metadata.Set(k, v)
	}
	return &delivery{inHand: inHand{lease: next.Lease}, by: x, tenure: tenure, msg: m, order: o}
}

// deliver delivers a message in a goroutine of its own, since a subscription may be slow to take it. If
// unless is closed first, the message is given back. Subscriptions of a topic take turns.
func (x *dispatcher) deliver(d *delivery, turn int, unless <-chan struct{}) {
	to := x.subs.pick(d.lease.Topic, turn)
	if to == nil { // it ended meanwhile
		x.finish(d, inflight.Ack{})
		return
	}
	go x.serve(d, to, unless)
}

// serve delivers a message and then, one after the other, the messages to which its lease is passed on.
func (x *dispatcher) serve(d *delivery, to *subscription, unless <-chan struct{}) {
	var end atomic.Pointer[context.CancelCauseFunc] // of the context of the message in hand
	defer context.AfterFunc(d.tenure.Context, func() {
		if cancel := end.Load(); cancel != nil {
			(*cancel)(domain.ErrFenced)
		}
	})()
	for x.hand(d, &end, to, unless) {
		x.slots.put(&d.next.inHand, &d.inHand)
		d, unless = d.next, nil
		if to = x.subs.pick(d.lease.Topic, 0); to == nil { // it ended meanwhile
			x.finish(d, inflight.Ack{})
			return
		}
	}
}

// hand delivers one message and waits for ack or nack. The answer is whether the lease was passed on. The
// message's context ends with the tenure (cause domain.ErrFenced), with the subscription, and after ack or
// nack.
func (x *dispatcher) hand(d *delivery, end *atomic.Pointer[context.CancelCauseFunc], to *subscription, unless <-chan struct{}) (passed bool) {
	ctx, cancel := context.WithCancelCause(to.ctx)
	defer cancel(nil)
	end.Store(&cancel)
	if d.tenure.Context.Err() != nil { // it ended before end was this one's, as while the claim was being committed
		cancel(domain.ErrFenced)
	}
	d.msg.SetContext(work.WithDelivery(ctx, d))
	sent := to.send(ctx, d.msg, unless)
	to.sending.Done()
	if !sent {
		x.finish(d, inflight.Ack{})
		return false
	}
	select {
	case <-d.msg.Acked():
		if d.next != nil {
			return true
		}
		x.finish(d, inflight.Ack{Done: true})
	case <-d.msg.Nacked():
		x.finish(d, inflight.Ack{Delay: x.conf.NackDelay})
	case <-x.closed: // and the handler is stuck: it keeps the lease
	}
	return false
}

// finish frees the slot and queues the acknowledgement for the loop, unless the transaction that stored the
// outcome has settled the lease.
func (x *dispatcher) finish(d *delivery, ack inflight.Ack) {
	if d.settled {
		x.slots.release(&d.inHand, nil)
		return
	}
	ack.Lease, ack.About = d.lease, workFields(d.lease, d.msg)
	x.slots.release(&d.inHand, &ack)
}

// workFields are the fields of a log line about a message: its lease, its order and its request.
func workFields(l work.Lease, m *message.Message) logrus.Fields {
	fields := logrus.Fields{
		"group": l.Group, "topic": l.Topic, "partition": l.Partition, "position": l.Position,
		"node": l.Node, "epoch": l.Epoch, "attempt": l.Attempt,
	}
	if id, err := work.DecodePayload(m.Payload); err == nil {
		fields["order_id"] = id.String()
	}
	if request := m.Metadata[work.MetadataCorrelation]; request != "" {
		fields["correlation_id"] = request
	}
	return fields
}
