package schema

import (
	"context"
	"database/sql"
)

// MigrateTo brings the schema to a version and no further.
func (db *DB) MigrateTo(ctx context.Context, version int64) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}

// SQLServerPool gives a pool of connections as a DB has them.
func SQLServerPool(dsn string, most int) (*sql.DB, error) {
	d, err := ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	return sqlServerPool(d, most, &traffic{})
}

// OneConnection has the database's work done on one connection.
func (db *DB) OneConnection() { db.write.SetMaxOpenConns(1) }
