package messaging

import (
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// reservation is a slot for a message that is being appended. Until the message is delivered,
// its row may be there, and nobody here works on it.
type reservation struct{ since time.Time }

// Reserve gives a free slot to a message of topic that is about to be appended with
// work.SettleStart under the lease that it returns. end is nil if no slot is free, if something
// waits for one that goes first or is of the same topic, or if the node takes no messages
// of the topic just now.
//
// end must be called once: with what the append started, and the order, which may be nil, to
// deliver it; or with nil, which frees the slot.
func (s *Subscriber) Reserve(topic string) (lease work.Lease, end func(*work.Next, *domain.Order)) {
	tenure, in := s.conf.Tenure()
	if !in || s.conf.Ordered || s.waiting.Load() <= int64(s.rank(topic)) {
		return lease, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isDraining() || s.busy >= s.conf.Slots || s.subscriptionFor(topic, 0) == nil {
		return lease, nil
	}
	s.busy++
	r := &reservation{since: time.Now()}
	s.reserved[r] = struct{}{}
	lease = work.Lease{Row: work.Row{Group: s.conf.Group}, Topic: topic, Registration: tenure.Registration, Attempt: 1}
	return lease, func(next *work.Next, o *domain.Order) { s.endReserved(tenure, r, next, o) }
}

func (s *Subscriber) endReserved(tenure work.Tenure, r *reservation, next *work.Next, o *domain.Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reserved, r)
	if next == nil {
		s.busy--
		s.quiet()
		nudge(s.wake)
		return
	}
	d := s.deliveryOf(tenure, *next, o)
	s.inHand[d] = struct{}{}
	to := s.subscriptionFor(d.lease.Topic, 0)
	if to == nil { // it ended meanwhile
		go s.finish(d, settlement{})
		return
	}
	to.sending.Add(1)
	go s.serve(d, to, nil)
}
