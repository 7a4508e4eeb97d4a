package messaging

import (
	"math"

	"orderflow/domain/work"
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
func (s *Subscriber) mayPass(tenure work.Tenure, topic string) bool {
	if s.conf.Ordered || s.waiting.Load() < int64(s.rank(topic)) || s.isDraining() || tenure.Context.Err() != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subscriptionFor(topic, 0) != nil
}
