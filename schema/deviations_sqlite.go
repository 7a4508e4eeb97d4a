package schema

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"

	"orderflow/schema/sqlitedb"
)

// deviations compares the text of the schema with that of a database in memory to which the same
// migrations have been applied.
func (d sqlite) deviations(ctx context.Context, db *sql.DB, version int64) ([]Deviation, error) {
	should, err := d.migrated(ctx, version)
	if err != nil {
		return nil, err
	}
	is, err := sqliteObjects(ctx, db)
	if err != nil {
		return nil, err
	}
	return compareObjects(should, is), nil
}

// made are the objects of new databases, by version. They are the same each time, and one is looked for every few seconds.
var made sync.Map // of map[object]string by int64

// migrated gives the objects of a new database of a version.
func (d sqlite) migrated(ctx context.Context, version int64) (map[object]string, error) {
	if known, there := made.Load(version); there {
		return known.(map[object]string), nil
	}
	objects, err := d.migrate(ctx, version)
	if err == nil {
		made.Store(version, objects)
	}
	return objects, err
}

// migrate makes a new database of a version in memory, and gives its objects.
func (d sqlite) migrate(ctx context.Context, version int64) (_ map[object]string, err error) {
	dialect, files, err := d.migrations()
	if err != nil {
		return nil, err
	}
	memory := sqlitedb.Memory(d.clock)
	defer func() { err = errors.Join(err, memory.Close()) }()
	p, err := goose.NewProvider(dialect, memory, files)
	if err != nil {
		return nil, err
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return nil, err
	}
	return sqliteObjects(ctx, memory)
}

// sqliteObjects reads the schema, but for SQLite's own tables and goose's.
func sqliteObjects(ctx context.Context, db *sql.DB) (map[object]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT type, name, tbl_name, sql FROM sqlite_master
		WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND tbl_name <> 'goose_db_version'`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := map[object]string{}
	for rows.Next() {
		var o object
		var text string
		if err := rows.Scan(&o.kind, &o.name, &o.table, &text); err != nil {
			return nil, err
		}
		// A renamed table is quoted in its own text and in that of its indexes.
		text = oneLine(strings.ReplaceAll(text, `"`, ``))
		if isTwin(o.table) && o.kind != KindTable {
			o.name = twinless(o.name)
		}
		if isTwin(o.table) {
			text = twinless(text)
		}
		all[o] = text
	}
	return all, rows.Err()
}

// isTwin says whether a table is one of the two that exchange their names with every rebuild of
// the views. The names of their indexes stay as they were made.
func isTwin(table string) bool { return table == "orders" || table == "orders_next" }

// twinless takes the names of one twin for those of the other.
func twinless(text string) string { return strings.ReplaceAll(text, "orders_next", "orders") }
