package work

import "orderflow/domain"

// Cause is a message that an event of an order caused. Its place in the log is that of the event.
type Cause struct {
	Topic     string
	Partition int
	Position  int64
	Version   int // of the event
}

// Causes are the messages that the events of an order caused, in the order of the events. Each topic has one at
// most in a legal history. The last message asks for what is due now; those before it have been dealt with.
func Causes(events []domain.Recorded) (all []Cause) {
	var o domain.Order
	for i := range events {
		r := &events[i]
		if topic, follows := FollowUp(&o, r.Event); follows {
			all = append(all, Cause{Topic: topic, Partition: r.Partition, Position: r.Position, Version: r.Version})
		}
		_ = o.Apply(*r) // after what cannot be applied, what the events before it add up to is all there is to go by
	}
	return all
}
