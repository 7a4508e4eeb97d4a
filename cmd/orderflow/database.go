package main

import (
	"context"
	"errors"

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

// open opens a database that is there.
func (f databaseFlag) open(ctx context.Context) (*schema.DB, error) {
	// A mistyped name would otherwise make a file, and look like a system without orders.
	return schema.OpenExisting(ctx, f.DSN)
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
