package messaging

import (
	"time"

	"orderflow/domain/work"
)

// Reserve gives a free slot to a message of topic that is about to be appended with
// work.SettleTake under the lease that it returns: nil if no slot is free, if something
// waits for one that goes first or is of the same topic, or if the node takes no messages
// of the topic just now.
//
// end must be called once: with the message, when the append has been committed, which
// delivers it; or with nil, which frees the slot.
func (s *Subscriber) Reserve(topic string) (lease *work.Lease, end func(*work.Message)) {
	tenure, in := s.conf.Tenure()
	if !in || s.conf.Ordered || s.waiting.Load() <= int64(s.rank(topic)) {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isDraining() || s.busy >= s.conf.Slots || s.subscriptionFor(topic, 0) == nil {
		return nil, nil
	}
	s.busy++
	l := &work.Lease{Group: s.conf.Group, Topic: topic, Node: tenure.Node, Epoch: tenure.Epoch, Attempt: 1}
	s.reserved[l] = time.Now()
	return l, func(m *work.Message) { s.endReserved(tenure, l, m) }
}

func (s *Subscriber) endReserved(tenure work.Tenure, l *work.Lease, m *work.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reserved, l)
	if m == nil {
		s.busy--
		s.quiet()
		nudge(s.wake)
		return
	}
	s.hold(tenure, l, false)
	sub := s.subscriptionFor(l.Topic, 0)
	if sub == nil { // it ended meanwhile
		go s.finish(l, settlement{lease: l, msg: messageOf(m)})
		return
	}
	sub.sending.Add(1)
	go s.serve(tenure, sub, messageOf(m), l, nil)
}
