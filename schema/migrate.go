package schema

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
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
	p, err := provider(db)
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

// Migrations lists every migration of this program and whether it has been applied, and then the
// migrations that newer programs have applied.
func (db *DB) Migrations(ctx context.Context) ([]Migration, error) {
	p, err := provider(db)
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
	known := all
	err = eachRow(ctx, db.read, `SELECT version_id, is_applied, tstamp FROM goose_db_version WHERE version_id > 0 ORDER BY id`, func(rows *sql.Rows) error {
		m := Migration{Unknown: true}
		err := rows.Scan(&m.Version, &m.Applied, &m.At)
		if !slices.ContainsFunc(known, func(k Migration) bool { return k.Version == m.Version }) {
			all = append(all, m)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", db.dsn, db.dialect.translate(err))
	}
	return all, nil
}

func provider(db *DB) (*goose.Provider, error) {
	dialect, files, err := db.dialect.migrations()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, db.write, files)
}
