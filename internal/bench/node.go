package bench

import (
	"context"
	"encoding/json"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/projections"
	"orderflow/schema"
)

// NodeConfig is what nodes that are measured differ in.
type NodeConfig struct {
	DSN          string
	Roles        []string // all if empty
	Workers      int
	StepDuration time.Duration // no step fails
	Retention    time.Duration // of consumed messages; 0: as by default
}

// The roles of nodes.
const (
	roleAPI       = "api"
	roleProjector = "projector"
	roleWorker    = "worker"
)

// Node is a node that runs in this process.
type Node struct {
	DB    *schema.DB
	Store *eventstore.Store
	Views *projections.Views
	URL   string // of the customers' API; empty without it
	// Place is what the API does with an order.
	Place func(ctx context.Context, trackingID string, detail json.RawMessage) (domain.OrderID, error)
	// Stop drains the node and closes all it had open.
	Stop func() error
}

// Process is a node that is a process of its own.
type Process struct {
	PID   int
	Node  string       // its name
	URL   string       // of the customers' API; empty without it
	Admin string       // URL of its admin interface
	Stop  func() error // ends it, and waits until it has
	Kill  func() error // is kill -9 instead
}
