package schema

import (
	"context"
	"fmt"

	"orderflow/schema/sqlitedb"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	dsn     DSN
	dialect Dialect
	pools
	counters
}

// Ping asks the database whether it answers, and whether the file is still the one that
// was opened.
func (db *DB) Ping(ctx context.Context) error {
	if db.sqlite != nil {
		if err := db.sqlite.Check(); err != nil {
			return db.dialect.translate(err)
		}
	}
	rows, err := db.write.QueryContext(ctx, "SELECT 1")
	return db.dialect.translate(scanOne(db.dialect, rows, err, []any{new(int)}))
}

// Close closes all connections. Transactions under way are rolled back.
func (db *DB) Close() error { return db.close() }

// Dialect is the database's dialect.
func (db *DB) Dialect() Dialect { return db.dialect }

// DSN is where the database is; its String hides the password.
func (db *DB) DSN() DSN { return db.dsn }

// WAL keeps the write-ahead log of a SQLite file short (see sqlitedb.WAL). Its errors have kinds.
type WAL struct{ *sqlitedb.WAL }

// WALState is how the write-ahead log stands.
type WALState = sqlitedb.WALState

// WALLimit is how long the write-ahead log stays when SQLite begins it anew, in bytes.
const WALLimit = sqlitedb.WALLimit

// WAL gives the keeper of the write-ahead log; nil on SQL Server.
func (db *DB) WAL() *WAL {
	if db.sqlite == nil {
		return nil
	}
	return &WAL{db.sqlite.WAL()}
}

// Tend looks after the write-ahead log once. It is to be called every second or so: ErrReplaced if
// the file was removed or replaced, ErrLogReplaced if the log was.
func (w *WAL) Tend(ctx context.Context) (WALState, error) {
	s, err := w.WAL.Tend(ctx)
	return s, sqlite{}.translate(err)
}

// Bytes is the size of the write-ahead log; 0 on SQL Server, and where there is none. It asks the file
// system only.
func (w *WAL) Bytes() int64 {
	if w == nil {
		return 0
	}
	return w.WAL.Bytes()
}

// JoinClock must be called by a process before it holds leases in the database: all such processes judge
// leases by one clock (see sqlitedb.DB.JoinClock). On SQL Server, which has the clock, it does nothing.
func (db *DB) JoinClock(ctx context.Context, tell func(string)) error {
	if db.sqlite == nil {
		return nil
	}
	if err := db.dialect.translate(db.sqlite.JoinClock(ctx, tell)); err != nil {
		return fmt.Errorf("the lease clock of %s: %w", db.dsn, err)
	}
	return nil
}

// OwnClock says whether this process reads the clock by which leases in the database are judged.
func (db *DB) OwnClock(ctx context.Context) (bool, error) {
	if db.sqlite == nil {
		return true, nil
	}
	own, err := db.sqlite.OwnClock(ctx)
	return own, db.dialect.translate(err)
}
