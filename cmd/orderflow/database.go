package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"orderflow/domain"
	"orderflow/schema"
)

// databaseFlag says which database a command works on.
type databaseFlag struct {
	DSN string `name:"dsn" default:"orderflow.db" env:"ORDERFLOW_DSN" placeholder:"DSN" help:"Database: a SQLite file (orderflow.db, sqlite:PATH) or sqlserver://user:password@host:port?database=name."`
}

// Validate refuses what is no DSN, before anything is opened.
func (f databaseFlag) Validate() error {
	_, err := schema.ParseDSN(f.DSN)
	return err
}

// open opens a database that is there.
func (f databaseFlag) open(ctx context.Context) (*schema.DB, error) {
	dsn, err := schema.ParseDSN(f.DSN)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", domain.ErrInvalid, err)
	}
	if dsn.URL == nil {
		// Opening would create it, and a mistyped name would then look like a system without
		// orders.
		if _, err := os.Stat(dsn.Path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no database file %s: name the right one with --dsn or ORDERFLOW_DSN, or make it with \"orderflow migrate\"", dsn.Path)
		}
	}
	return schema.Open(ctx, f.DSN)
}

// with opens the database, runs f and closes it.
func (f databaseFlag) with(ctx context.Context, do func(*schema.DB) error) (err error) {
	db, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(db)
}
