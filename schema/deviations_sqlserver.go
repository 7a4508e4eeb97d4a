package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
)

// errUnseen: without the right to see definitions, a trigger that is there cannot be told from one
// that is not.
var errUnseen = errors.New("this login may not see the definitions of tables and triggers: run deploy/sqlserver/grants.sql")

// deviations compares what the catalog says with the text of the migrations: columns, indexes by
// their columns (their names stay with a table that is renamed, and Babelfish alters them), and
// triggers by their text.
func (s sqlServer) deviations(ctx context.Context, db *sql.DB, version int64) ([]Deviation, error) {
	_, files, err := s.migrations()
	if err != nil {
		return nil, err
	}
	text, err := migrationText(files, version)
	if err != nil {
		return nil, err
	}
	var seen sql.NullInt64
	// Babelfish shows definitions to everybody, and has no such right.
	row := db.QueryRowContext(ctx, `SELECT CASE WHEN @@VERSION LIKE '%Babelfish%' THEN 1 ELSE HAS_PERMS_BY_NAME('dbo.events', 'OBJECT', 'VIEW DEFINITION') END`)
	if err := row.Scan(&seen); err != nil {
		return nil, err
	}
	if seen.Valid && seen.Int64 == 0 {
		return nil, errUnseen
	}
	c := catalog{made: newDDL()}
	for _, read := range []func(context.Context, *sql.DB) error{c.columns, c.indexes, c.triggers} {
		if err := read(ctx, db); err != nil {
			return nil, err
		}
	}
	should, is := ddlOf(text).objects(), c.made.objects()
	for o := range is {
		// The database's owner may forbid locks of pages where the migrations do not.
		if o.kind == KindIndex && (c.noLocks || should[o] != onlyRows) {
			is[o] = should[o]
		}
	}
	return append(compareObjects(should, is), c.disabled...), nil
}

// migrationText is the text of the migrations up to a version, in their order.
func migrationText(files fs.FS, version int64) (all string, err error) {
	err = eachMigration(files, func(number int64, name string) error {
		if number > version {
			return nil
		}
		text, err := fs.ReadFile(files, name)
		all += string(text) + "\n"
		return err
	})
	return all, err
}

// catalog is what the database says it has.
type catalog struct {
	made     *ddl
	disabled []Deviation
	noLocks  bool // it does not say whether pages may be locked
}

func (c *catalog) columns(ctx context.Context, db *sql.DB) error {
	return eachRow(ctx, db, `SELECT t.name, c.name FROM sys.tables t JOIN sys.columns c ON c.object_id = t.object_id
		WHERE t.schema_id = SCHEMA_ID('dbo')`, func(rows *sql.Rows) error {
		var table, column string
		err := rows.Scan(&table, &column)
		c.made.tables[table] = append(c.made.tables[table], column)
		return err
	})
}

func (c *catalog) indexes(ctx context.Context, db *sql.DB) error {
	disabled := map[string]bool{}
	err := eachRow(ctx, db, `SELECT t.name, i.index_id, i.is_unique, i.is_disabled, c.name,
			CASE WHEN @@VERSION LIKE '%Babelfish%' THEN NULL ELSE i.allow_page_locks END
		FROM sys.tables t JOIN sys.indexes i ON i.object_id = t.object_id
		JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
		JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
		WHERE t.schema_id = SCHEMA_ID('dbo') AND k.is_included_column = 0 ORDER BY t.name, i.index_id, k.key_ordinal`, func(rows *sql.Rows) error {
		var table, column string
		var id int
		var unique, off bool
		var pages sql.NullBool
		err := rows.Scan(&table, &id, &unique, &off, &column, &pages)
		name := fmt.Sprintf("%s/%d", table, id)
		c.made.indexes[name] = index{table: table, unique: unique, columns: append(c.made.indexes[name].columns, column), rowLocks: pages.Valid && !pages.Bool}
		disabled[name], c.noLocks = off, !pages.Valid
		return err
	})
	for name, off := range disabled {
		if off {
			c.disabled = append(c.disabled, c.made.indexes[name].object().deviation(IsDisabled))
		}
	}
	return err
}

func (c *catalog) triggers(ctx context.Context, db *sql.DB) error {
	return eachRow(ctx, db, `SELECT r.name, t.name, r.is_disabled, m.definition
		FROM sys.triggers r JOIN sys.tables t ON t.object_id = r.parent_id LEFT JOIN sys.sql_modules m ON m.object_id = r.object_id
		WHERE t.schema_id = SCHEMA_ID('dbo')`, func(rows *sql.Rows) error {
		var name, table string
		var off bool
		var text sql.NullString
		err := rows.Scan(&name, &table, &off, &text)
		c.made.triggers[name] = trigger{table: table, text: oneLine(text.String)}
		if off {
			c.disabled = append(c.disabled, object{KindTrigger, name, table}.deviation(IsDisabled))
		}
		return err
	})
}

// eachRow calls f with every row of an answer.
func eachRow(ctx context.Context, db *sql.DB, query string, f func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
