package schema

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

//go:embed migrations/sqlite/*.sql
var sqliteMigrations embed.FS

// sqliteReaders bounds the connections that read; each holds a page cache.
const sqliteReaders = 8

// The page caches of connections, in kB. Every order writes a page of the reservations that
// may be anywhere, since their keys are hashes: with a million orders stored and a cache as
// small as the readers', an order costs a tenth more.
const (
	writerCache = 64_000
	readerCache = 16_000
)

// Caches is how many bytes the connections to a database hold in page caches at most, beside
// the memory that Go knows of.
func Caches(d DSN) int64 {
	if d.URL != nil {
		return 0
	}
	return (writerCache + sqliteReaders*readerCache) * 1000
}

func cacheOf(kilobytes int) string { return fmt.Sprintf("cache_size(-%d)", kilobytes) }

type sqlite struct{ clock *leaseClock }

func newSQLite(t ticks) sqlite { return sqlite{clock: newLeaseClock(t)} }

func (sqlite) Name() string               { return "sqlite" }
func (sqlite) Rebind(query string) string { return query }
func (sqlite) Limit(param string) string  { return "LIMIT " + param }

func (sqlite) Batches() bool { return false }

func (d sqlite) Now() string { return leaseNow + `(` + d.clock.anchor + `)` }

func (d sqlite) NowPlus(param string) string {
	return leaseNow + `(` + d.clock.anchor + `, ` + param + `)`
}

func (sqlite) anyOf(column string, n int) string {
	return column + " IN (" + placeholders(1, n) + ")"
}

// open gives one writing connection (SQLite has one writer at a time, and waiting in
// this process is fairer and cheaper than in the file) and several that only read.
// WAL lets them read while it writes; synchronous=FULL makes a commit durable.
func (d sqlite) open(ctx context.Context, dsn DSN) (pools, error) {
	if err := lookFirst(ctx, dsn); err != nil {
		return pools{}, err
	}
	f, err := openFile(dsn.Path)
	if err != nil {
		return pools{}, err
	}
	source := func(pragmas ...string) string {
		q := dsn.access.query()
		q["_pragma"] = append([]string{"busy_timeout(10000)", "temp_store(MEMORY)"}, pragmas...)
		if dsn.access == toWrite {
			q["_txlock"] = []string{"immediate"}
			q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)", "synchronous(FULL)", fmt.Sprintf("journal_size_limit(%d)", WALLimit))
		}
		return fileSource(dsn.Path, q)
	}
	drv := withClock(&driver.Driver{}, d.clock)
	if err := f.keepLog(ctx, preparingConnector{driver: drv, name: source("query_only(1)"), file: f}); err != nil {
		return pools{}, d.translate(err)
	}
	g := &guard{}
	write := sql.OpenDB(preparingConnector{driver: drv, name: source(cacheOf(writerCache)), file: f, guard: g})
	write.SetMaxOpenConns(1)
	write.SetMaxIdleConns(1)
	read := sql.OpenDB(preparingConnector{driver: drv, name: source("query_only(1)", cacheOf(readerCache)), file: f})
	read.SetMaxOpenConns(sqliteReaders)
	read.SetMaxIdleConns(sqliteReaders)
	once := sql.OpenDB(preparingConnector{driver: drv, name: source("query_only(1)"), file: f})
	once.SetMaxIdleConns(-1)
	return pools{write: write, read: read, once: once, guard: g, file: f}, nil
}

// endsTransaction says whether SQLite may have rolled a whole transaction back with this
// error of a statement (https://www.sqlite.org/lang_transaction.html, 3.1). The errors that are
// known to concern their statement only are named here; all others may have.
func endsTransaction(err error) bool {
	var e *driver.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_RANGE, lib.SQLITE_TOOBIG,
		lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_SCHEMA, lib.SQLITE_AUTH, lib.SQLITE_MISUSE:
		return false
	}
	return true
}

// isDamage says whether a page was not what SQLite had written.
func isDamage(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && (e.Code()&0xff == lib.SQLITE_CORRUPT || e.Code()&0xff == lib.SQLITE_NOTADB)
}

func (sqlite) hasTable(ctx context.Context, p pools, name string) (has bool, err error) {
	err = p.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?1`, name).Scan(&has)
	return has, err
}

func (sqlite) migrations() (goose.Dialect, fs.FS, error) {
	sub, err := fs.Sub(sqliteMigrations, "migrations/sqlite")
	return goose.DialectSQLite3, sub, err
}

// translate goes by the result codes of https://www.sqlite.org/rescode.html.
func (sqlite) translate(err error) error {
	if err == nil {
		return nil // before a variable that has to be allocated
	}
	var e *driver.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fmt.Errorf("%w: %w", ErrDuplicateKey, err)
	case lib.SQLITE_CONSTRAINT_TRIGGER, lib.SQLITE_CONSTRAINT_CHECK:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case lib.SQLITE_IOERR_SHMSIZE: // the -shm could not grow
		return fmt.Errorf("%w: %w", ErrFull, err)
	case lib.SQLITE_READONLY_DBMOVED:
		return fmt.Errorf("%w: %w", ErrReplaced, err)
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_BUSY:
		return fmt.Errorf("%w: %w", ErrLocked, err)
	case lib.SQLITE_LOCKED:
		return fmt.Errorf("%w: %w", ErrTransient, err)
	case lib.SQLITE_FULL:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case lib.SQLITE_IOERR, lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case lib.SQLITE_ERROR:
		return fmt.Errorf("%w: %w", ErrStatement, err)
	}
	return err
}
