package work

import (
	"encoding/json"
	"fmt"
	"strings"

	"orderflow/domain"
	"orderflow/domain/stored"
)

// Keys of message metadata. The correlation key is the one Watermill uses.
const (
	MetadataCorrelation = "correlation_id"
	MetadataCausation   = "causation_id"
	MetadataTraceParent = "traceparent"
)

// TopicRollback is the topic of orders to roll back.
const TopicRollback = "rollback"

// StepTopic is the topic of the orders whose next step is the given one.
func StepTopic(step domain.Step) string {
	switch step {
	case domain.PreProcessing:
		return "pre-processing"
	case domain.PostProcessing:
		return "post-processing"
	}
	return strings.ToLower(string(step))
}

// Topics lists every topic in the order in which they are served: rollbacks first, then later
// steps before earlier ones, so that orders under way end before new ones start.
func Topics() []string {
	return []string{
		TopicRollback, StepTopic(domain.PostProcessing), StepTopic(domain.Processing), StepTopic(domain.PreProcessing), StepTopic(domain.Scheduling),
	}
}

// FollowUp is the topic of the work that follows from the next event of an order; false if none does.
// That of the rollback follows from the event that turns the order round.
func FollowUp(o *domain.Order, e domain.Event) (topic string, follows bool) {
	switch e := e.(type) {
	case domain.OrderPlaced:
		return StepTopic(domain.Scheduling), true
	case domain.StepFailed:
		return TopicRollback, true
	case domain.StepCompleted:
		if !o.Request.Made() {
			next, more := e.Step.Next()
			return StepTopic(next), more
		}
		follows = o.TurnsRound(e)
	case domain.StepInterrupted, domain.OrderCancelRequested, domain.OrderFailRequested:
		follows = o.TurnsRound(e)
	}
	if follows {
		topic = TopicRollback
	}
	return topic, follows
}

type payload struct {
	OrderID domain.OrderID `json:"order_id"`
}

// EncodePayload is the payload of a message about an order.
func EncodePayload(id domain.OrderID) []byte {
	b := make([]byte, 0, 64)
	return append(id.Append(append(b, `{"order_id":"`...)), `"}`...)
}

// DecodePayload reads what EncodePayload wrote.
func DecodePayload(data []byte) (domain.OrderID, error) {
	s := stored.NewScanner(string(data))
	s.Expect(`{"order_id":`)
	text := s.Text()
	if s.Expect(`}`); s.Done() {
		if id, err := domain.ParseOrderID(text); err == nil && !id.IsZero() {
			return id, nil
		}
	}
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		return domain.OrderID{}, fmt.Errorf("%w: message payload: %s", domain.ErrInvalid, err)
	}
	if p.OrderID.IsZero() {
		return domain.OrderID{}, fmt.Errorf("%w: message payload has no order_id", domain.ErrInvalid)
	}
	return p.OrderID, nil
}
