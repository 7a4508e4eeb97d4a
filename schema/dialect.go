package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"orderflow/schema/sqlitedb"
)

// Dialect is what differs between the databases in the SQL that several packages
// write. Where one package's statement differs as a whole, that package has the two
// forms in files named after the dialects and chooses by Name.
type Dialect interface {
	// Name is "sqlite" or "sqlserver".
	Name() string
	// Rebind turns numbered placeholders (?1) into the driver's.
	Rebind(query string) string
	// bind gives a statement and its arguments as the driver is to have them.
	bind(query string, args []any) (string, []any)
	// Limit is the clause, after ORDER BY, that keeps the first rows; param is the placeholder
	// (?3) that holds how many.
	Limit(param string) string
	// Now is an expression for the database's clock, UTC, comparable with stored times. On SQLite all
	// processes of the machine share the clock, and nobody can set it.
	Now() string
	// NowPlus is Now moved by a placeholder's number of milliseconds (24 days at most), which may be
	// negative.
	NowPlus(param string) string
	// WhoseClock is an expression: OwnClock if Now is the clock by which leases are judged, NobodysClock if nobody
	// can hold a lease, or OthersClock if leases are judged by a clock that this process cannot read.
	WhoseClock() string
	// RoundTrips says that each statement costs a round trip, so that statements are worth sending
	// together (see Tx.Ask).
	RoundTrips() bool
	// finish reads an answer to its end, where a driver that is left in the middle of one has the server
	// break it off, which costs a round trip.
	finish(rows *sql.Rows)
	// OneWriter says that one transaction writes at a time. A transaction that writes has locked
	// everything.
	OneWriter() bool
	// SkipLocked is a hint, after the name of a table in SQL: rows that are locked are passed over, since
	// somebody is at work on them. It only spares waiting, and nothing may be wrong where it is ignored, so it is for
	// rows that a later look finds; what a condition says is not there must never be passed over. Empty on SQLite.
	SkipLocked() string
	// lockWait is SQL in front of a statement that waits no longer than most for a row's lock.
	lockWait(most time.Duration) string
	// anyOf is the condition that a column has one of the values of placeholders 1 to n.
	anyOf(column string, n int) string
	// open connects.
	open(ctx context.Context, dsn DSN) (pools, error)
	// translate wraps a driver's error with its kind.
	translate(err error) error
	// deviations compares the schema of a database with what the migrations up to a version make.
	deviations(ctx context.Context, db *sql.DB, version int64) ([]Deviation, error)
	// hasTable says whether there is a table of that name.
	hasTable(ctx context.Context, db *sql.DB, name string) (bool, error)
	// migrations is goose's name for the dialect and the numbered files.
	migrations() (goose.Dialect, fs.FS, error)
}

// What Dialect.WhoseClock gives.
const (
	OthersClock  = sqlitedb.Others
	OwnClock     = sqlitedb.Own
	NobodysClock = sqlitedb.Nobodys // none since the machine was started, or since the database was made
)

// pools are the connections of one DB. They may be the same.
type pools struct {
	write, read *sql.DB
	urgent      *sql.DB      // SQL Server: for what must not wait behind the work
	traffic     *traffic     // SQL Server: what is counted of it; nil on SQLite
	sqlite      *sqlitedb.DB // the SQLite file; nil on SQL Server
}

func (p pools) close() error {
	if p.sqlite != nil {
		return p.sqlite.Close()
	}
	return errors.Join(p.write.Close(), p.urgent.Close())
}

// eachMigration calls do with the numbers and names of migrations, in their order.
func eachMigration(files fs.FS, do func(number int64, name string) error) error {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return err
	}
	for _, name := range names {
		number, err := goose.NumericComponent(name)
		if err == nil {
			err = do(number, name)
		}
		if err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return nil
}
