package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNewerSchema says that a newer program has migrated the database.
var ErrNewerSchema = errors.New("the schema is newer than this program")

// ErrOlderSchema says that migrations are missing that this program needs.
var ErrOlderSchema = errors.New("the schema is older than this program needs")

// ErrTooOld says that a newer program has migrated the database to a schema on which this one
// must not work.
var ErrTooOld = errors.New("this program is too old for the database")

// ErrNoCompatibility says that a migrated database does not say which programs may work on it, since
// its row was removed. The statement gives it what the migrations gave it, and the level of events that
// the nodes read.
var ErrNoCompatibility = errors.New("table compatibility has lost its one row, which says which programs may work on the database and what they may write: put it back with " +
	"INSERT INTO compatibility (one, oldest_program, event_level, turns) SELECT 1, 5, COALESCE(MAX(event_level), 1), 0 FROM nodes")

// Compatibility is what a database says about the programs that may work on it.
type Compatibility struct {
	// OldestProgram is the number of the newest migration that a program must know.
	OldestProgram int64
	// EventLevel is the highest level (see domain.EventLevel) in whose forms events may be
	// written. It never falls.
	EventLevel int
}

// Compatibility reads the row. Of a database from before there were such rows it says what was
// true then: that every program may work on it and that events have their first forms. It is
// ErrNoCompatibility if the row was removed.
func (db *DB) Compatibility(ctx context.Context) (Compatibility, error) {
	c := Compatibility{EventLevel: 1}
	has, err := db.dialect.hasTable(ctx, db.read, "compatibility")
	if err == nil && has {
		err = db.QueryRowContext(ctx, `SELECT oldest_program, event_level FROM compatibility`).Scan(&c.OldestProgram, &c.EventLevel)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoCompatibility
	}
	if err != nil {
		return c, fmt.Errorf("which programs may work on %s: %w", db.dsn, db.dialect.translate(err))
	}
	return c, nil
}

// Compatible is nil if this program may work on the database, and of kind ErrTooOld if it must
// not. That the schema is newer than the program is no reason by itself.
func (db *DB) Compatible(ctx context.Context) error {
	c, err := db.Compatibility(ctx)
	if err != nil {
		return err
	}
	newest, err := newestMigration(db.dialect)
	if err != nil || newest >= c.OldestProgram {
		return err
	}
	return fmt.Errorf("%w: it knows the migrations up to %d, and %s needs a program that knows %d: "+
		"run the newer version (\"orderflow migrate --status\" lists the migrations)", ErrTooOld, newest, db.dsn, c.OldestProgram)
}

// newestMigration is the number of the newest migration that this program knows.
func newestMigration(d Dialect) (newest int64, err error) {
	_, files, err := d.migrations()
	if err == nil {
		err = eachMigration(files, func(number int64, _ string) error { newest = max(newest, number); return nil })
	}
	return newest, err
}

// Older is nil if the migrations of this program have been applied, and of kind ErrOlderSchema if not,
// as when a backup from before them was restored. It costs one short read.
func (db *DB) Older(ctx context.Context) error {
	applied, newest, err := versions(ctx, db)
	if err != nil || applied >= newest {
		return err
	}
	return fmt.Errorf("%w: it has the migrations up to %d, this program needs those up to %d: run \"orderflow migrate\", or restart the node", ErrOlderSchema, applied, newest)
}

// versions are the numbers of the newest migration that has been applied, and of the newest that this
// program knows.
func versions(ctx context.Context, db *DB) (applied, newest int64, err error) {
	err = db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version`).Scan(&applied)
	if err != nil {
		return 0, 0, fmt.Errorf("read the version of the schema (has the database been migrated?): %w", db.Translate(err))
	}
	newest, err = newestMigration(db.dialect)
	return applied, newest, err
}

// Deviations compares the tables, indexes and triggers that there are with what the applied
// migrations make of an empty database. Tables and indexes that somebody added are none. An error
// says that they cannot be compared; it is of kind ErrNewerSchema if only a newer program can.
func (db *DB) Deviations(ctx context.Context) ([]Deviation, error) {
	version, newest, err := versions(ctx, db)
	if err != nil {
		return nil, err
	}
	if version > newest {
		return nil, fmt.Errorf("%w: it has the migration %d, this program knows up to %d", ErrNewerSchema, version, newest)
	}
	found, err := db.dialect.deviations(ctx, db.read, version)
	if err != nil {
		return nil, fmt.Errorf("compare the schema with its migrations: %w", db.Translate(err))
	}
	slices.SortFunc(found, func(a, b Deviation) int { return strings.Compare(a.String(), b.String()) })
	return found, nil
}
