package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/cmd/orderflow/node"
	"orderflow/eventstore"
	"orderflow/projections"
	"orderflow/schema"
)

// databaseFlag says which database a command works on.
type databaseFlag struct {
	DSN string `name:"dsn" default:"orderflow.db" env:"ORDERFLOW_DSN" placeholder:"DSN" help:"Database: a SQLite file (orderflow.db, sqlite:PATH) or sqlserver://user:password@host:port?database=name, or the same as server=HOST;user id=...;password=...;database=..."`
}

// Validate refuses what is no DSN, before anything is opened.
func (f databaseFlag) Validate() error {
	_, err := schema.ParseDSN(f.DSN)
	return err
}

// with opens the database, runs do and closes it.
func (f databaseFlag) with(ctx context.Context, do func(*schema.DB) error) error {
	return opened(ctx, schema.OpenExisting, f.DSN, do) // a mistyped name would otherwise make a file
}

// reading is with for what only reads. It works on a SQLite file that cannot be written, too.
func (f databaseFlag) reading(ctx context.Context, out *output, do func(*schema.DB) error) error {
	return opened(ctx, forReading(schema.OpenToRead, out), f.DSN, do)
}

// look is reading for what is safe on a database that this program is too old for.
func (f databaseFlag) look(ctx context.Context, out *output, do func(*schema.DB) error) error {
	return opened(ctx, forReading(schema.OpenToLook, out), f.DSN, do)
}

// opener opens the database that a DSN names.
type opener func(ctx context.Context, dsn string) (*schema.DB, error)

func forReading(open func(context.Context, string, func(string)) (*schema.DB, error), out *output) opener {
	return func(ctx context.Context, dsn string) (*schema.DB, error) {
		return open(ctx, dsn, func(note string) { out.notef("%s", note) })
	}
}

func opened(ctx context.Context, open opener, dsn string, do func(*schema.DB) error) (err error) {
	db, err := open(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err = do(db); err == nil {
		return nil
	}
	if older := db.Older(ctx); errors.Is(older, schema.ErrOlderSchema) { // which may be why
		err = fmt.Errorf("%w (%w)", older, err)
	}
	return err
}

// service is what commands about orders work with, on a database that is there.
type service struct {
	db    *schema.DB
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
		return do(service{db: db, store: store, views: views})
	}
}
