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

// deliver hands claimed messages to the subscriptions of their topics, each in its own
// goroutine, since a subscription may be slow to take them.
func (s *Subscriber) deliver(tenure work.Tenure, claims []inflight.Claim) {
	for i, c := range claims {
		m, err := newMessage(c.UUID, c.Payload, c.Metadata)
		s.mu.Lock()
		sub := s.subscriptionFor(c.Lease.Topic, i)
		s.busy++
		s.hold(tenure, c.Lease, c.Suspect)
		if sub != nil {
			sub.sending.Add(1)
		}
		s.mu.Unlock()
		switch {
		case err != nil:
			s.conf.Logger.Error("a message cannot be read; it will be tried again", err, workFields(c.Lease, &message.Message{Payload: c.Payload}))
			s.finish(c.Lease, settlement{lease: c.Lease, delay: time.Minute})
		case sub == nil: // it ended meanwhile
			s.finish(c.Lease, settlement{lease: c.Lease, msg: m})
		default:
			go s.serve(tenure, sub, m, c.Lease, s.draining)
			continue
		}
		if sub != nil {
			sub.sending.Done()
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
func (s *Subscriber) serve(tenure work.Tenure, sub *subscription, m *message.Message, l *work.Lease, unless <-chan struct{}) {
	var end atomic.Pointer[context.CancelCauseFunc] // of the context of the message in hand
	defer context.AfterFunc(tenure.Context, func() {
		if cancel := end.Load(); cancel != nil {
			(*cancel)(domain.ErrFenced)
		}
	})()
	for p := s.hand(tenure, &end, sub, m, l, unless); p != nil; p = s.hand(tenure, &end, sub, m, l, nil) {
		sub = s.goOn(tenure, l, p)
		l, m = p.Lease, messageOf(&p.Message)
		if sub == nil { // it ended meanwhile
			s.finish(l, settlement{lease: l, msg: m})
			return
		}
	}
}

// hand delivers one message and waits for its end, or gives what has taken its place. The
// message's context ends with the tenure (cause domain.ErrFenced), with the subscription, and
// after ack or nack.
func (s *Subscriber) hand(tenure work.Tenure, end *atomic.Pointer[context.CancelCauseFunc], sub *subscription, m *message.Message, l *work.Lease, unless <-chan struct{}) *work.Passed {
	ctx, cancel := context.WithCancelCause(sub.ctx)
	defer cancel(nil)
	end.Store(&cancel)
	if tenure.Context.Err() != nil { // it ended before end was this one's, as while the claim was being committed
		cancel(domain.ErrFenced)
	}
	m.SetContext(work.WithLease(ctx, l))
	sent := send(ctx, sub, m, unless)
	sub.sending.Done()
	if !sent {
		s.finish(l, settlement{lease: l, msg: m})
		return nil
	}
	select {
	case <-m.Acked():
		if p := l.Passed(); p != nil {
			return p
		}
		s.finish(l, settlement{lease: l, msg: m, done: true})
	case <-m.Nacked():
		s.finish(l, settlement{lease: l, msg: m, delay: s.conf.NackDelay})
	case <-s.loopDone: // closed, and the handler is stuck: it keeps the lease
	}
	return nil
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
func (s *Subscriber) finish(l *work.Lease, end settlement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, inflight.KeyOf(l))
	if !l.Settled() {
		s.settle = append(s.settle, end)
	}
	s.busy--
	s.quiet()
	nudge(s.wake)
}

// workFields are those of a line about a message: its lease, and the order and the request that it
// is about. m may be nil.
func workFields(l *work.Lease, m *message.Message) watermill.LogFields {
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
