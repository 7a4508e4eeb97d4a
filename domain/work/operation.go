package work

import (
	"encoding/json"
	"time"

	"orderflow/domain"
)

// Operation is something that an operator did which is in no order's history.
type Operation struct {
	ID      OperationID     `json:"id"`
	At      time.Time       `json:"at"` // by the clock of the process that did it
	Actor   string          `json:"actor"`
	Action  string          `json:"action"`  // the command: "nodes drain"
	Subject string          `json:"subject"` // what it was done to: the name of a node or of a step
	Reason  string          `json:"reason"`
	Details json.RawMessage `json:"details"` // an object
	Result  string          `json:"result"`
}

// OperationID names an operation: a UUID of version 7, so that ids sort by the time they were made.
type OperationID [16]byte

func (id OperationID) String() string { return domain.OrderID(id).String() }

// IsZero says that id names no operation.
func (id OperationID) IsZero() bool { return id == OperationID{} }

// MarshalText makes an id a JSON string.
func (id OperationID) MarshalText() ([]byte, error) { return domain.OrderID(id).MarshalText() }

// UnmarshalText reads what MarshalText wrote.
func (id *OperationID) UnmarshalText(text []byte) error {
	return (*domain.OrderID)(id).UnmarshalText(text)
}
