package main

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/eventstore"
	"orderflow/projections"
	"orderflow/schema"
	"orderflow/transport/messaging"
)

// returnDelay is how long an order whose step was interrupted waits for its next attempt.
const returnDelay = time.Second

// openStore opens the event store of a migrated database with its outbox and leases,
// and the views over it. It remembers so many bytes of events; 0 for the default.
func openStore(ctx context.Context, db *schema.DB, memory int64, bell *messaging.Bell, logger watermill.LoggerAdapter) (*eventstore.Store, *projections.Views, error) {
	store, err := eventstore.Open(ctx, db, eventstore.Options{
		Outbox: messaging.NewOutbox(bell, logger),
		Leases: messaging.Leases{ReturnDelay: returnDelay},
		Memory: int(memory),
	})
	if err != nil {
		return nil, nil, err
	}
	return store, projections.NewViews(db, store), nil
}

// service is what commands about orders work with, on a database that is there.
type service struct {
	store *eventstore.Store
	views *projections.Views
}

// service opens the database, runs do and closes it.
func (f databaseFlag) service(ctx context.Context, do func(service) error) error {
	return f.with(ctx, serving(ctx, do))
}

// lookUp is service for what only reads.
func (f databaseFlag) lookUp(ctx context.Context, out *output, do func(service) error) error {
	return f.reading(ctx, out, serving(ctx, do))
}

func serving(ctx context.Context, do func(service) error) func(*schema.DB) error {
	return func(db *schema.DB) error {
		store, views, err := openStore(ctx, db, 0, nil, watermill.NopLogger{})
		if err != nil {
			return err
		}
		return do(service{store: store, views: views})
	}
}
