package schema

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"orderflow/schema/sqlitedb"
)

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

func dialectOf(d DSN) Dialect {
	if d.URL != nil {
		return sqlServer{}
	}
	return sqlite{sqlitedb.NewClock(sqlitedb.MachineTicks())}
}

// Caches is how many bytes the connections to a database hold in page caches at most, beside
// the memory that Go knows of.
func Caches(d DSN) int64 {
	if d.URL != nil {
		return 0
	}
	return sqlitedb.CacheBytes
}
