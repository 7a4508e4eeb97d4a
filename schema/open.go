package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"orderflow/schema/sqlitedb"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	dsn     DSN
	dialect Dialect
	pools
	counters
}

// pools are the connections of one DB. They may be the same.
type pools struct {
	write, read *sql.DB
	urgent      *sql.DB       // SQL Server: for what must not wait behind the work
	trips       *atomic.Int64 // SQL Server: round trips
	sqlite      *sqlitedb.DB  // the SQLite file; nil on SQL Server
}

func (p pools) close() error {
	if p.sqlite != nil {
		return p.sqlite.Close()
	}
	return errors.Join(p.write.Close(), p.urgent.Close())
}

// Open connects to the database that dsn names (see ParseDSN). It does not migrate. ErrTooOld if
// a newer program has made it one that this program must not work on. A SQLite file that is not
// there is made, for its owner only; one of another program is left as it is: ErrForeign.
func Open(ctx context.Context, dsn string) (*DB, error) {
	db, err := open(ctx, dsn, false, nil)
	return compatible(ctx, db, err)
}

// OpenExisting is Open for a database that was migrated before, as far as its file tells:
// ErrNoDatabase for a SQLite file that is not there or empty, and nothing is made.
func OpenExisting(ctx context.Context, dsn string) (*DB, error) {
	db, err := open(ctx, dsn, true, nil)
	return compatible(ctx, db, err)
}

// OpenToRead is OpenExisting for a caller who only reads, also from a SQLite file that this user
// cannot write. The function note is told of that; nothing can be changed then.
func OpenToRead(ctx context.Context, dsn string, note func(string)) (*DB, error) {
	db, err := open(ctx, dsn, true, note)
	return compatible(ctx, db, err)
}

// OpenToLook is OpenToRead also for a database that this program must not work on, whose
// migrations it can still list.
func OpenToLook(ctx context.Context, dsn string, note func(string)) (*DB, error) {
	return open(ctx, dsn, true, note)
}

func compatible(ctx context.Context, db *DB, err error) (*DB, error) {
	if err != nil {
		return nil, err
	}
	if err := db.Compatible(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func open(ctx context.Context, dsn string, existing bool, note func(string)) (*DB, error) {
	parsed, err := ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	parsed.existing, parsed.note = existing, note
	return openWith(ctx, parsed, dialectOf(parsed))
}

func openWith(ctx context.Context, parsed DSN, d Dialect) (*DB, error) {
	db := &DB{dsn: parsed, dialect: d}
	err := patiently(ctx, func() (err error) { db.pools, err = d.open(ctx, parsed); return err })
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", parsed, err)
	}
	if err := patiently(ctx, func() error { return db.Ping(ctx) }); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", parsed, err), db.Close())
	}
	return db, nil
}

// patiently repeats the first contact with a SQLite file that another process is just
// creating: the change to WAL needs the file alone and does not heed the busy time-out.
func patiently(ctx context.Context, contact func() error) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := contact()
		if !errors.Is(err, ErrTransient) || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		time.Sleep(rand.N(20 * time.Millisecond))
	}
}

// Ping asks the database whether it answers, and whether the file is still the one that
// was opened.
func (db *DB) Ping(ctx context.Context) error {
	if db.sqlite != nil {
		if err := db.sqlite.Check(); err != nil {
			return db.dialect.translate(err)
		}
	}
	var one int
	return db.dialect.translate(db.write.QueryRowContext(ctx, "SELECT 1").Scan(&one))
}

// Close closes all connections. Transactions under way are rolled back.
func (db *DB) Close() error { return db.close() }

// Dialect is the database's dialect.
func (db *DB) Dialect() Dialect { return db.dialect }

// DSN is where the database is; its String hides the password.
func (db *DB) DSN() DSN { return db.dsn }

// counters count what Stats tells.
type counters struct {
	statements, transactions, retries atomic.Int64
	waited, open                      atomic.Int64 // nanoseconds
}

// Stats counts what was sent to the database since it was opened.
type Stats struct {
	Statements   int64 // queries and changes, without BEGIN and COMMIT
	Transactions int64 // writing transactions begun
	RoundTrips   int64 // SQL Server: requests of any kind, BEGIN and COMMIT among them
	// Retries are calls that were begun again, because the database had given up the
	// transaction before, or its connection broke.
	Retries int64
	// Waited is how long transactions have waited to begin, for a connection and, on SQLite,
	// for the writers before them; Open how long they were open. On SQLite no two are open at once, so
	// that the Open of all processes tells how busy the one writer is.
	Waited, Open time.Duration
}

// Retried counts a transaction that is begun again by somebody else than InTx.
func (db *DB) Retried() { db.retries.Add(1) }

// Stats counts what was sent to the database since it was opened.
func (db *DB) Stats() Stats {
	s := Stats{
		Statements: db.statements.Load(), Transactions: db.transactions.Load(), Retries: db.retries.Load(),
		Waited: time.Duration(db.waited.Load()), Open: time.Duration(db.open.Load()),
	}
	if db.trips != nil {
		s.RoundTrips = db.trips.Load()
	}
	return s
}
