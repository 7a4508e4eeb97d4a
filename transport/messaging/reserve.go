package messaging

import (
	"orderflow/domain"
	"orderflow/domain/work"
)

// Reserve gives a free slot to a message of topic that is about to be appended with work.SettleStart under
// the lease that it returns. end is nil if no slot is free, if a message waits that goes first or is of the
// same topic, or if the node takes no messages of the topic just now.
//
// end ends the reservation, the first time that it is called: with what the append started, and the order,
// which may be nil, it delivers the message; with nil it frees the slot.
func (s *Subscriber) Reserve(topic string) (lease work.Lease, end func(*work.Next, *domain.Order)) {
	tenure, in := s.conf.Tenure()
	if !in || s.conf.Ordered || !s.subs.serves(topic) {
		return lease, nil
	}
	r := s.slots.reserve(s.conf.rank(topic))
	if r == nil {
		return lease, nil
	}
	lease = work.Lease{Row: work.Row{Group: s.conf.Group}, Topic: topic, Registration: tenure.Registration, Attempt: 1}
	return lease, func(next *work.Next, o *domain.Order) {
		if next == nil {
			s.slots.fill(r, nil)
			return
		}
		if d := s.dispatch.started(tenure, *next, o); s.slots.fill(r, &d.inHand) {
			s.dispatch.deliver(d, 0, nil)
		}
	}
}
