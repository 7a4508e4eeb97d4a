package messaging

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/transport/messaging/inflight"
)

// delivery is a message in a slot, from its claim to the end of its handler: work.Delivery.
// What the handler says is read when it has acked the message.
type delivery struct {
	sub     *Subscriber
	tenure  work.Tenure
	lease   work.Lease
	msg     *message.Message // nil if it could not be read
	order   *domain.Order    // came along; nil once the handler has it
	suspect bool

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

// MayGoOn is work.Delivery.
func (d *delivery) MayGoOn(topic string) bool { return d.sub.mayPass(d.tenure, topic) }

// Settled is work.Delivery.
func (d *delivery) Settled() { d.settled = true }

// GoOn is work.Delivery.
func (d *delivery) GoOn(next work.Next, o *domain.Order) {
	d.settled, d.next = true, d.sub.deliveryOf(d.tenure, next, o)
}

// deliveryOf is the delivery of a message whose step has been recorded as started.
func (s *Subscriber) deliveryOf(tenure work.Tenure, n work.Next, o *domain.Order) *delivery {
	m := message.NewMessage(n.Message.UUID, n.Message.Payload)
	for k, v := range n.Message.Metadata {
		m.Metadata.Set(k, v)
	}
	return &delivery{sub: s, tenure: tenure, lease: n.Lease, msg: m, order: o}
}

// deliver hands claimed messages to the subscriptions of their topics, each in its own
// goroutine, since a subscription may be slow to take them.
func (s *Subscriber) deliver(tenure work.Tenure, claims []inflight.Claim) {
	for i, c := range claims {
		m, err := newMessage(c.UUID, c.Payload, c.Metadata)
		d := &delivery{sub: s, tenure: tenure, lease: c.Lease, msg: m, suspect: c.Suspect}
		s.mu.Lock()
		to := s.subscriptionFor(c.Lease.Topic, i)
		s.busy++
		s.inHand[d] = struct{}{}
		if to != nil {
			to.sending.Add(1)
		}
		s.mu.Unlock()
		switch {
		case err != nil:
			s.conf.Logger.Error("a message cannot be read; it will be tried again", err, workFields(c.Lease, &message.Message{Payload: c.Payload}))
			s.finish(d, settlement{delay: time.Minute})
		case to == nil: // it ended meanwhile
			s.finish(d, settlement{})
		default:
			go s.serve(d, to, s.draining)
			continue
		}
		if to != nil {
			to.sending.Done()
		}
	}
}

// subscriptionFor picks among the subscriptions of a topic in turn. s.mu is held.
func (s *Subscriber) subscriptionFor(topic string, turn int) *subscription {
	var of []*subscription
	for _, sub := range s.subs {
		if sub.topic == topic && sub.ctx.Err() == nil {
			of = append(of, sub)
		}
	}
	if len(of) == 0 {
		return nil
	}
	return of[turn%len(of)]
}

// serve delivers a message and, in the same slot, those that take its place one after the
// other. The first is given back if it has not been taken when unless is closed.
func (s *Subscriber) serve(d *delivery, to *subscription, unless <-chan struct{}) {
	var end atomic.Pointer[context.CancelCauseFunc] // of the context of the message in hand
	defer context.AfterFunc(d.tenure.Context, func() {
		if cancel := end.Load(); cancel != nil {
			(*cancel)(domain.ErrFenced)
		}
	})()
	for s.hand(d, &end, to, unless) {
		to = s.goOn(d)
		d, unless = d.next, nil
		if to == nil { // it ended meanwhile
			s.finish(d, settlement{})
			return
		}
	}
}

// hand delivers one message and waits for its end, and says whether another one has taken its
// place. The message's context ends with the tenure (cause domain.ErrFenced), with the
// subscription, and after ack or nack.
func (s *Subscriber) hand(d *delivery, end *atomic.Pointer[context.CancelCauseFunc], to *subscription, unless <-chan struct{}) (passed bool) {
	ctx, cancel := context.WithCancelCause(to.ctx)
	defer cancel(nil)
	end.Store(&cancel)
	if d.tenure.Context.Err() != nil { // it ended before end was this one's, as while the claim was being committed
		cancel(domain.ErrFenced)
	}
	d.msg.SetContext(work.WithDelivery(ctx, d))
	sent := send(ctx, to, d.msg, unless)
	to.sending.Done()
	if !sent {
		s.finish(d, settlement{})
		return false
	}
	select {
	case <-d.msg.Acked():
		if d.next != nil {
			return true
		}
		s.finish(d, settlement{done: true})
	case <-d.msg.Nacked():
		s.finish(d, settlement{delay: s.conf.NackDelay})
	case <-s.loopDone: // closed, and the handler is stuck: it keeps the lease
	}
	return false
}

// goOn puts the message that has taken the place of d's into its slot, and gives the
// subscription to deliver it to; nil if that has ended.
func (s *Subscriber) goOn(d *delivery) *subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inHand, d)
	s.inHand[d.next] = struct{}{}
	to := s.subscriptionFor(d.next.lease.Topic, 0)
	if to != nil {
		to.sending.Add(1)
	}
	return to
}

// send gives the message to the subscription, until ctx ends or unless, which may be nil,
// is closed.
func send(ctx context.Context, sub *subscription, m *message.Message, unless <-chan struct{}) bool {
	if isClosed(unless) || ctx.Err() != nil {
		return false
	}
	select {
	case sub.out <- m:
		return true
	case <-unless:
		return false
	case <-ctx.Done():
		return false
	}
}

// finish frees the slot and has the loop store the end of the delivery, unless that
// has been done in the transaction that stored its outcome.
func (s *Subscriber) finish(d *delivery, end settlement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inHand, d)
	if !d.settled {
		end.lease, end.msg = d.lease, d.msg
		s.settle = append(s.settle, end)
	}
	s.busy--
	s.quiet()
	nudge(s.wake)
}

// workFields are those of a line about a message: its lease, and the order and the request that it
// is about. m may be nil.
func workFields(l work.Lease, m *message.Message) watermill.LogFields {
	fields := watermill.LogFields{
		"group": l.Group, "topic": l.Topic, "partition": l.Partition, "position": l.Position,
		"node": l.Node, "epoch": l.Epoch, "attempt": l.Attempt,
	}
	if m == nil {
		return fields
	}
	if id, err := work.DecodePayload(m.Payload); err == nil {
		fields["order_id"] = id.String()
	}
	if request := m.Metadata[work.MetadataCorrelation]; request != "" {
		fields["correlation_id"] = request
	}
	return fields
}
