package messaging

import (
	"math"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/work"
	"orderflow/transport/messaging/inflight"
)

// Ranks of what waits for a slot, beside those of topics (see Config.Topics).
const (
	rankReturned = -1
	rankNothing  = math.MaxInt64
)

// mayPass says whether a handler may go on with the next step of its order, a message of
// topic, in the slot it has: not when something waits for a slot that goes first, nor
// when the subscriber drains or keeps messages in order, nor when nobody takes the topic
// here, as while a node that starts subscribes to one topic after the other.
func (s *Subscriber) mayPass(tenure work.Tenure, l *work.Lease, topic string) bool {
	if s.conf.Ordered || s.waiting.Load() < int64(s.rank(topic)) || s.isDraining() || tenure.Context.Err() != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subscriptionFor(topic, 0) == nil {
		return false
	}
	if h := s.held[inflight.KeyOf(l)]; h != nil && h.passing.IsZero() {
		h.passing = time.Now()
	}
	return true
}

// inHand is a lease that was delivered and has not ended.
type inHand struct {
	suspect bool
	// passing is since when it may be passed on: its row may be that of another message
	// already, which has not been delivered yet.
	passing time.Time
}

// hold notes that a lease is being delivered. s.mu is held.
func (s *Subscriber) hold(tenure work.Tenure, l *work.Lease, suspect bool) {
	s.held[inflight.KeyOf(l)] = &inHand{suspect: suspect}
	l.MayPass = func(topic string) bool { return s.mayPass(tenure, l, topic) }
}

// goOn notes that a message has taken the place of another, in the same slot, and gives the
// subscription to deliver it to; nil if that has ended.
func (s *Subscriber) goOn(tenure work.Tenure, l *work.Lease, p *work.Passed) *subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, inflight.KeyOf(l))
	s.hold(tenure, p.Lease, false)
	sub := s.subscriptionFor(p.Lease.Topic, 0)
	if sub != nil {
		sub.sending.Add(1)
	}
	return sub
}

// messageOf is a message to deliver whose step has been recorded as started.
func messageOf(started *work.Message) *message.Message {
	m := message.NewMessage(started.UUID, started.Payload)
	for k, v := range started.Metadata {
		m.Metadata.Set(k, v)
	}
	return m
}
