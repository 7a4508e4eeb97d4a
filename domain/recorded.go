package domain

import (
	"encoding/json"
	"time"
)

// Metadata says how an event came about. It is stored beside the event's data.
type Metadata struct {
	// Schema is the version of the shape of the event's data, from 1.
	Schema int `json:"schema"`
	// Actor is who caused the event: "customer", "worker", "operator" or a name behind one of
	// them and a colon.
	Actor string `json:"actor,omitempty"`
	// Node is the node that appended the event.
	Node string `json:"node,omitempty"`
	// Attempt is the attempt of the message that was being handled.
	Attempt int `json:"attempt,omitempty"`
	// CorrelationID is the same for everything that follows from one request.
	CorrelationID string `json:"correlation_id,omitempty"`
	// CausationID names the event that led to this one (see EventID).
	CausationID string `json:"causation_id,omitempty"`
	// TraceParent is the W3C trace context, or empty.
	TraceParent string `json:"traceparent,omitempty"`
	// RunBy is the user who ran the command that caused the event, as the operating system names
	// them; empty if no command did. The actor may be somebody else.
	RunBy string `json:"run_by,omitempty"`
}

// Recorded is an event as the event store holds it.
type Recorded struct {
	OrderID    OrderID
	Version    int   // place in the order's stream, from 1, without holes
	Partition  int   // partition of the log
	Position   int64 // place in the partition, from 1, without holes
	Type       string
	Event      Event
	Metadata   Metadata
	Data       json.RawMessage // the stored bytes of the event
	RawMeta    json.RawMessage // the stored bytes of the metadata
	RecordedAt time.Time       // UTC, microseconds, never before the event before it in the stream
	Hash       []byte          // SHA-256 over the predecessor's hash and this event (see eventstore.Hash)
}
