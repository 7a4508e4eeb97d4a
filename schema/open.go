package schema

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"orderflow/schema/sqlitedb"
)

// Open connects to the database that dsn names (see ParseDSN). It does not migrate. It makes a missing
// SQLite file, for its owner only. The error is ErrTooOld if a newer program has made the database one
// that this program must not work on, and ErrForeign for a SQLite file of another program.
func Open(ctx context.Context, dsn string) (*DB, error) {
	db, err := open(ctx, dsn, false, nil)
	return compatible(ctx, db, err)
}

// OpenExisting is Open for a database that exists. It makes no file: the error is ErrNoDatabase for a
// SQLite file that is missing or empty.
func OpenExisting(ctx context.Context, dsn string) (*DB, error) {
	db, err := open(ctx, dsn, true, nil)
	return compatible(ctx, db, err)
}

// OpenToRead is OpenExisting for a caller who only reads. It also opens a SQLite file that this user
// cannot write, and says so through note.
func OpenToRead(ctx context.Context, dsn string, note func(string)) (*DB, error) {
	db, err := open(ctx, dsn, true, note)
	return compatible(ctx, db, err)
}

// OpenToLook is OpenToRead without the check for ErrTooOld, for a program that only lists migrations.
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

func dialectOf(d DSN) Dialect {
	if d.URL != nil {
		return sqlServer{}
	}
	return sqlite{sqlitedb.NewClock(sqlitedb.MachineTicks())}
}

// Caches is how many bytes the page caches of the connections to a database hold at most. Go's runtime
// does not count this memory.
func Caches(d DSN) int64 {
	if d.URL != nil {
		return 0
	}
	return sqlitedb.CacheBytes
}
