package main

import (
	"context"
	"errors"
	"time"

	"orderflow/schema"
)

// migrateCmd brings the schema up to date.
type migrateCmd struct {
	dataFlags
	Status bool `help:"Only list the migrations and whether they have been applied, also those of newer programs, and name the tables, indexes and triggers that are not as they made them; exit 1 if one is missing or altered, or if this program is too old for the database."`
}

func (migrateCmd) Help() string {
	return `Creates the database file if it is SQLite and missing. Safe to run from several machines at once, and while nodes run.

Example: orderflow migrate --dsn 'sqlserver://of:secret@db:1433?database=orderflow'`
}

// Run migrates, or lists.
func (c *migrateCmd) Run(ctx context.Context, out *output) (err error) {
	if c.Status {
		return c.look(ctx, out, func(db *schema.DB) error { return c.list(ctx, db, out) })
	}
	db, err := schema.Open(ctx, c.DSN)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ran, err := db.Migrate(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return out.json(orEmpty(ran))
	}
	for _, m := range ran {
		if err := out.sayf("applied %s", m.File); err != nil {
			return err
		}
	}
	return out.sayf("%s is up to date", db.DSN())
}

func (c *migrateCmd) list(ctx context.Context, db *schema.DB, out *output) error {
	all, err := db.Migrations(ctx)
	if err != nil {
		return err
	}
	var rows [][]any
	missing := false
	for _, m := range all {
		at := any(m.At)
		if !m.Applied {
			missing, at = true, time.Time{}
		}
		file := m.File
		if m.Unknown {
			file = "(of a newer program)"
		}
		rows = append(rows, []any{m.Version, file, m.Applied, at})
	}
	if err := c.table(out, orEmpty(all), "VERSION FILE APPLIED AT", rows); err != nil {
		return err
	}
	if err := db.Compatible(ctx); err != nil {
		return err
	}
	found, err := db.Deviations(ctx)
	if errors.Is(err, schema.ErrNewerSchema) {
		out.notef("tables, indexes and triggers are not compared: %v", err)
		err = nil
	}
	for _, d := range found {
		out.notef("%s", d)
	}
	if err == nil && (missing || len(found) > 0) {
		err = errFound
	}
	return err
}

// orEmpty makes a list without entries [] in JSON and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
