package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// look has nothing to add to what the server itself reads from its disks.
func (sqlServer) look(context.Context, pools) error { return nil }

// trees are the tables of the file and their indexes, those apart that a query without
// conditions cannot be made to use.
const trees = `SELECT m.name, '' FROM sqlite_master m WHERE m.type = 'table'
	UNION ALL SELECT m.name, i.name FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' AND i.origin <> 'pk' AND NOT i.partial`

// look reads the beginning of every table and index, through a connection that is opened for
// it and has nothing in memory.
func (sqlite) look(ctx context.Context, p pools) (err error) {
	conn, err := p.once.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return eachTree(ctx, conn, func(table, index string) error {
		by := "NOT INDEXED"
		if index != "" {
			by = `INDEXED BY "` + index + `"`
		}
		var one int
		err := conn.QueryRowContext(ctx, `SELECT 1 FROM "`+table+`" `+by+` LIMIT 1`).Scan(&one)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("table %s: %w", table, err)
		}
		return nil
	})
}

func eachTree(ctx context.Context, conn *sql.Conn, do func(table, index string) error) error {
	rows, err := conn.QueryContext(ctx, trees)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var table, index string
		if err := rows.Scan(&table, &index); err != nil {
			return err
		}
		if err := do(table, index); err != nil {
			return err
		}
	}
	return rows.Err()
}
