package domain

import "encoding/json"

// Event is something that happened to an order. The implementations below are all
// there are; the JSON of each is pinned by a golden file.
type Event interface {
	eventType() string // see TypeOf
}

// OrderPlaced opens every stream. Its first form had no Customer and no KeyHash, its second no RetryOf.
type OrderPlaced struct {
	// TrackingID is the customer's own name for the order, or empty.
	TrackingID string `json:"tracking_id,omitempty"`
	// Detail is what the customer ordered, any JSON, compacted.
	Detail json.RawMessage `json:"detail,omitempty"`
	// Customer is the name of the caller who placed the order; empty if callers have none.
	Customer string `json:"customer,omitempty"`
	// KeyHash is the SHA-256, in hexadecimal, under which the idempotency key of the request is
	// reserved; empty if it had none.
	KeyHash string `json:"key_hash,omitempty"`
	// RetryOf is the order that this one is a new try of; zero if it is none. Such an order holds no
	// reservation of its tracking id, which stays that of the first order.
	RetryOf OrderID `json:"retry_of,omitzero"`
}

// StepStarted opens an attempt.
type StepStarted struct {
	Step    Step   `json:"step"`
	Attempt int    `json:"attempt"` // counts from 1 within the step; numbers may be skipped
	Node    string `json:"node"`    // the node that works
}

// StepCompleted closes an attempt with success.
type StepCompleted struct {
	Step    Step   `json:"step"`
	Attempt int    `json:"attempt"`
	Node    string `json:"node"`
}

// StepFailed closes an attempt with a failure that turns the order round.
type StepFailed struct {
	Step    Step   `json:"step"`
	Attempt int    `json:"attempt"`
	Node    string `json:"node"`
	Error   string `json:"error"`
}

// StepInterrupted closes an attempt that its node could not end: the node's lease expired, the
// node was stopped, or the step's time ran out. Another attempt follows, or the order is parked.
type StepInterrupted struct {
	Step    Step   `json:"step"`
	Attempt int    `json:"attempt"`
	Node    string `json:"node"` // the node that had worked
	Reason  string `json:"reason"`
}

// StepRolledBack says that the effects of one step have been compensated.
type StepRolledBack struct {
	Step    Step   `json:"step"`
	Attempt int    `json:"attempt"` // the attempt of the rollback
	Node    string `json:"node"`    // the node that compensated
}

// OrderCompleted ends an order whose four steps have completed.
type OrderCompleted struct{}

// OrderFailed ends an order that has been rolled back.
type OrderFailed struct {
	Step   Step   `json:"step"` // that failed; of an order that an operator failed, the last that had begun
	Reason string `json:"reason"`
}

// OrderCancelRequested says that an operator has asked to cancel the order. A step that runs ends first.
// Then what was done is rolled back.
type OrderCancelRequested struct {
	Reason string `json:"reason"`
	Now    bool   `json:"now"` // the step that runs is not waited for
}

// OrderCancelled ends an order that was to be cancelled and has been rolled back.
type OrderCancelled struct {
	Reason string `json:"reason"` // of the request
}

// OrderFailRequested says that an operator has given up a parked order. What was done is rolled back.
type OrderFailRequested struct {
	Reason string `json:"reason"`
}

// OrderParked takes an order out of the flow until an operator resumes, cancels or fails it.
type OrderParked struct {
	Step   Step   `json:"step"` // the step, or the step to roll back, that could not be done
	Reason string `json:"reason"`
}

// OrderResumed puts a parked order back where it was.
type OrderResumed struct {
	Reason string `json:"reason,omitempty"`
}

// TypeOf is the stored name of an event's type.
func TypeOf(e Event) string { return e.eventType() }

func (OrderPlaced) eventType() string          { return "OrderPlaced" }
func (StepStarted) eventType() string          { return "StepStarted" }
func (StepCompleted) eventType() string        { return "StepCompleted" }
func (StepFailed) eventType() string           { return "StepFailed" }
func (StepInterrupted) eventType() string      { return "StepInterrupted" }
func (StepRolledBack) eventType() string       { return "StepRolledBack" }
func (OrderCompleted) eventType() string       { return "OrderCompleted" }
func (OrderFailed) eventType() string          { return "OrderFailed" }
func (OrderParked) eventType() string          { return "OrderParked" }
func (OrderCancelRequested) eventType() string { return "OrderCancelRequested" }
func (OrderCancelled) eventType() string       { return "OrderCancelled" }
func (OrderFailRequested) eventType() string   { return "OrderFailRequested" }
func (OrderResumed) eventType() string         { return "OrderResumed" }
