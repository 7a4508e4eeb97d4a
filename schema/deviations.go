package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNewerSchema says that a newer program has migrated the database.
var ErrNewerSchema = errors.New("the schema is newer than this program")

// ErrOlderSchema says that migrations are missing that this program needs.
var ErrOlderSchema = errors.New("the schema is older than this program needs")

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

// Deviation is a table, an index or a trigger that is not what the migrations made.
type Deviation struct {
	Kind  string `json:"kind"`  // one of the Kind constants
	Name  string `json:"name"`  // of the object; of an index on SQL Server its columns
	Table string `json:"table"` // that it is on
	What  string `json:"what"`  // one of the Is constants
}

// The kinds of object that are compared.
const (
	KindTable   = "table"
	KindIndex   = "index"
	KindTrigger = "trigger"
)

// What may be wrong with an object.
const (
	IsMissing  = "missing"
	IsAltered  = "altered"
	IsDisabled = "disabled"
	IsAdded    = "added" // by somebody else than the migrations; said of triggers only
)

func (d Deviation) String() string {
	if d.Kind == KindTable {
		return fmt.Sprintf("table %s is %s", d.Name, d.What)
	}
	return fmt.Sprintf("%s %s of table %s is %s", d.Kind, d.Name, d.Table, d.What)
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
	found, err := db.dialect.deviations(ctx, db, version)
	if err != nil {
		return nil, fmt.Errorf("compare the schema with its migrations: %w", db.Translate(err))
	}
	slices.SortFunc(found, func(a, b Deviation) int { return strings.Compare(a.String(), b.String()) })
	return found, nil
}

// object names what is compared.
type object struct{ kind, name, table string }

func (o object) deviation(what string) Deviation {
	return Deviation{Kind: o.kind, Name: o.name, Table: o.table, What: what}
}

// compareObjects holds what is there against what should be. The text of an object is what it
// is compared by.
func compareObjects(should, is map[object]string) (found []Deviation) {
	for o, text := range should {
		switch actual, there := is[o]; {
		case !there:
			found = append(found, o.deviation(IsMissing))
		case actual != text:
			found = append(found, o.deviation(IsAltered))
		}
	}
	for o := range is {
		if _, expected := should[o]; !expected && o.kind == KindTrigger {
			found = append(found, o.deviation(IsAdded))
		}
	}
	return found
}

// oneLine is a statement with all white space alike.
func oneLine(statement string) string {
	return strings.TrimSuffix(strings.Join(strings.Fields(statement), " "), ";")
}
