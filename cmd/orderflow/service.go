package main

import (
	"context"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/cmd/orderflow/node"
	"orderflow/eventstore"
	"orderflow/projections"
	"orderflow/schema"
)

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
		store, views, err := node.OpenStore(ctx, db, 0, nil, watermill.NopLogger{})
		if err != nil {
			return err
		}
		return do(service{store: store, views: views})
	}
}
