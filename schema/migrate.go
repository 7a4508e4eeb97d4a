package schema

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// Migration is one numbered step of the schema and how it stands.
type Migration struct {
	Version int64     `json:"version"`
	File    string    `json:"file"`
	Applied bool      `json:"applied"`
	At      time.Time `json:"applied_at,omitzero"`
	// Unknown says that it is one of a newer program: there is no file.
	Unknown bool `json:"unknown,omitempty"`
}

// Migrate brings the schema up to date and says which migrations it ran. Several
// processes may call it at once: each migration is one transaction, and the loser of
// a race finds it done and goes on.
func (db *DB) Migrate(ctx context.Context) ([]Migration, error) {
	p, err := db.provider()
	if err != nil {
		return nil, err
	}
	var ran []Migration
	for try := 1; ; try++ {
		results, err := p.Up(ctx)
		for _, r := range results {
			if r.Error == nil {
				ran = append(ran, Migration{Version: r.Source.Version, File: r.Source.Path, Applied: true})
			}
		}
		if err == nil {
			return ran, nil
		}
		if try == 10 || ctx.Err() != nil {
			return ran, fmt.Errorf("migrate %s: %w", db.dsn, db.dialect.translate(err))
		}
		time.Sleep(time.Duration(rand.Int64N(int64(50*time.Millisecond) * int64(try))))
	}
}

// Migrations lists every migration and whether it has been applied; after those of this program
// the ones that newer programs have applied.
func (db *DB) Migrations(ctx context.Context) ([]Migration, error) {
	p, err := db.provider()
	if err != nil {
		return nil, err
	}
	status, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", db.dsn, db.dialect.translate(err))
	}
	var all []Migration
	for _, s := range status {
		all = append(all, Migration{Version: s.Source.Version, File: s.Source.Path, Applied: s.State == goose.StateApplied, At: s.AppliedAt})
	}
	unknown, err := db.unknownMigrations(ctx, all)
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", db.dsn, db.dialect.translate(err))
	}
	return append(all, unknown...), nil
}

// unknownMigrations are those that have been applied and are not known.
func (db *DB) unknownMigrations(ctx context.Context, known []Migration) (unknown []Migration, err error) {
	dialect, _, err := db.dialect.migrations()
	if err != nil {
		return nil, err
	}
	versions, err := database.NewStore(dialect, goose.DefaultTablename)
	if err != nil {
		return nil, err
	}
	applied, err := versions.ListMigrations(ctx, db.write)
	if err != nil {
		return nil, err
	}
	slices.Reverse(applied) // the latest came first
	for _, a := range applied {
		if a.Version == 0 || slices.ContainsFunc(known, func(m Migration) bool { return m.Version == a.Version }) {
			continue
		}
		one, err := versions.GetMigration(ctx, db.write, a.Version)
		if err != nil {
			return nil, err
		}
		unknown = append(unknown, Migration{Version: a.Version, Applied: one.IsApplied, At: one.Timestamp, Unknown: true})
	}
	return unknown, nil
}

func (db *DB) provider() (*goose.Provider, error) {
	dialect, files, err := db.dialect.migrations()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, db.write, files)
}
