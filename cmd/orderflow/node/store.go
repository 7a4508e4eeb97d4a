package node

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/eventstore"
	"orderflow/projections"
	"orderflow/schema"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// returnDelay is how long an order whose step was interrupted waits for its next attempt.
const returnDelay = time.Second

// OpenStore opens the event store of a migrated database with its outbox and leases,
// and the views over it. It remembers so many bytes of events; 0 for the default.
func OpenStore(ctx context.Context, db *schema.DB, memory int64, bell *messaging.Bell, logger watermill.LoggerAdapter) (*eventstore.Store, *projections.Views, error) {
	store, err := eventstore.Open(ctx, db, eventstore.Options{
		Outbox: messaging.NewOutbox(bell, logger),
		Leases: inflight.Leases{ReturnDelay: returnDelay},
		Memory: int(memory),
	})
	if err != nil {
		return nil, nil, err
	}
	return store, projections.NewViews(db, store), nil
}
