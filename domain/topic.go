package domain

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Keys of message metadata. The correlation key is the one Watermill uses.
const (
	MetadataCorrelation = "correlation_id"
	MetadataCausation   = "causation_id"
	MetadataTraceParent = "traceparent"
)

// TopicRollback is the topic of orders to roll back.
const TopicRollback = "rollback"

// StepTopic is the topic of orders for which step is next.
func StepTopic(step Step) string {
	switch step {
	case PreProcessing:
		return "pre-processing"
	case PostProcessing:
		return "post-processing"
	}
	return strings.ToLower(string(step))
}

// Topics lists every topic, the first to be served first: rollbacks, then later
// steps before earlier ones, so that orders under way finish before new ones start.
func Topics() []string {
	return []string{
		TopicRollback, StepTopic(PostProcessing), StepTopic(Processing), StepTopic(PreProcessing), StepTopic(Scheduling),
	}
}

// FollowUp is the topic that has to hear of e; false if e asks for no more work.
func FollowUp(e Event) (topic string, follows bool) {
	switch e := e.(type) {
	case OrderPlaced:
		return StepTopic(steps[0]), true
	case StepCompleted:
		next, more := e.Step.Next()
		return StepTopic(next), more
	case StepFailed:
		return TopicRollback, true
	}
	return "", false
}

type work struct {
	OrderID OrderID `json:"order_id"`
}

// EncodeWork is the payload of a message about an order.
func EncodeWork(id OrderID) []byte {
	b := make([]byte, 0, 64)
	return append(id.Append(append(b, `{"order_id":"`...)), `"}`...)
}

// DecodeWork reads what EncodeWork wrote.
func DecodeWork(payload []byte) (OrderID, error) {
	s := NewScanner(string(payload))
	s.Expect(`{"order_id":`)
	text := s.Text()
	if s.Expect(`}`); s.Done() {
		if id, err := ParseOrderID(text); err == nil && !id.IsZero() {
			return id, nil
		}
	}
	var w work
	if err := json.Unmarshal(payload, &w); err != nil {
		return OrderID{}, fmt.Errorf("%w: message payload: %s", ErrInvalid, err)
	}
	if w.OrderID.IsZero() {
		return OrderID{}, fmt.Errorf("%w: message payload has no order_id", ErrInvalid)
	}
	return w.OrderID, nil
}
