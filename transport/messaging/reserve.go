package messaging

import (
	"orderflow/domain"
	"orderflow/domain/work"
)

// Reserve reserves a free slot for a message of topic, which the caller appends with work.SettleStart under
// the lease. end is nil if no slot is free, if a message that has precedence or is of the same topic waits,
// if the topic is held, or if the node does not serve it just now.
//
// The first call of end ends the reservation. With the message that was appended, and its order or nil, end
// delivers the message. With nil it frees the slot.
func (s *Subscriber) Reserve(topic string) (lease work.Lease, end func(*work.Next, *domain.Order)) {
	tenure, in := s.conf.Tenure()
	if !in || s.conf.Ordered || s.conf.Held(topic) || !s.subs.serves(topic) {
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
