package schema

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"orderflow/schema/sqlitedb"
)

//go:embed migrations/sqlite/*.sql
var sqliteMigrations embed.FS

type sqlite struct{ clock *sqlitedb.Clock }

func (sqlite) Name() string                                  { return "sqlite" }
func (sqlite) Rebind(query string) string                    { return query }
func (sqlite) bind(query string, args []any) (string, []any) { return query, args }

func (sqlite) Limit(param string) string { return "LIMIT " + param }

func (sqlite) RoundTrips() bool { return false }
func (sqlite) OneWriter() bool  { return true }
func (sqlite) finish(*sql.Rows) {}

func (sqlite) SkipLocked() string { return "" }

func (sqlite) lockWait(time.Duration) string { return "" } // who may write need not wait for rows

func (d sqlite) Now() string                 { return d.clock.Now() }
func (d sqlite) NowPlus(param string) string { return d.clock.NowPlus(param) }
func (d sqlite) WhoseClock() string          { return d.clock.Whose() }

func (sqlite) anyOf(column string, n int) string {
	return column + " IN (" + placeholders(1, n) + ")"
}

func (d sqlite) open(ctx context.Context, dsn DSN) (_ pools, err error) {
	conf := sqlitedb.Config{Path: dsn.Path, Clock: d.clock}
	if dsn.note != nil {
		conf.Access, err = sqlitedb.AccessTo(dsn.Path, dsn.note)
	}
	if err == nil {
		err = lookFirst(ctx, conf, dsn.existing)
	}
	var db *sqlitedb.DB
	if err == nil {
		db, err = sqlitedb.Open(ctx, conf)
	}
	switch err = d.translate(err); {
	case sqlitedb.IsReadOnly(err) && dsn.note != nil && !errors.Is(err, ErrReplaced):
		return pools{}, fmt.Errorf("%w: its folder cannot be written by this user: %s", err, sqlitedb.CopyIt)
	case err != nil:
		return pools{}, err
	}
	return pools{write: db.Write, read: db.Read, sqlite: db}, nil
}

var (
	// ErrForeign is the kind of error for a file that belongs to another program. It was not changed.
	ErrForeign = errors.New("the file is not this program's")
	// ErrNoDatabase is the kind of error for a file that is not there, or holds nothing yet.
	ErrNoDatabase = errors.New("there is no database file")
)

// lookFirst looks at what is in the file before anything in it is changed.
func lookFirst(ctx context.Context, conf sqlitedb.Config, existing bool) error {
	if info, err := os.Stat(conf.Path); err == nil && info.IsDir() {
		return fmt.Errorf("%w: %s is a folder", ErrForeign, conf.Path)
	}
	tables, err := sqlitedb.Tables(ctx, conf)
	var e *driver.Error
	switch {
	case errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_NOTADB:
		return fmt.Errorf("%w: %s is no SQLite database", ErrForeign, conf.Path)
	case err != nil:
		return err
	case len(tables) == 0 && existing: // not there, or empty
		return fmt.Errorf("%w %s with any table: name the right one with --dsn or ORDERFLOW_DSN, or make it with \"orderflow migrate\"", ErrNoDatabase, conf.Path)
	case len(tables) > 0 && !ours(tables):
		return fmt.Errorf("%w: %s has the tables %s, and not those of orderflow. Give the name of another file", ErrForeign, conf.Path, some(tables))
	}
	return nil
}

// ours says whether the file is this program's, by its tables. The first migration makes events and heads.
// The table that counts migrations is there before them; other programs may have one of that name too.
func ours(tables []string) bool {
	counts := slices.Contains(tables, "goose_db_version")
	return counts && (len(tables) == 1 || slices.Contains(tables, "events") && slices.Contains(tables, "heads"))
}

// some names the first few.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func (sqlite) hasTable(ctx context.Context, db *sql.DB, name string) (has bool, err error) {
	err = db.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?1`, name).Scan(&has)
	return has, err
}

func (sqlite) migrations() (goose.Dialect, fs.FS, error) {
	sub, err := fs.Sub(sqliteMigrations, "migrations/sqlite")
	return goose.DialectSQLite3, sub, err
}

// translate goes by the result codes of https://www.sqlite.org/rescode.html, and by the errors of
// package sqlitedb and of the file system.
func (sqlite) translate(err error) error { return translated(err, sqliteKind) }

func sqliteKind(err error) error {
	var e *driver.Error
	if !errors.As(err, &e) {
		return fileKind(err)
	}
	switch e.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY:
		return ErrDuplicateKey
	case lib.SQLITE_CONSTRAINT_TRIGGER, lib.SQLITE_CONSTRAINT_CHECK:
		return ErrRefused
	case lib.SQLITE_IOERR_SHMSIZE: // the -shm could not grow
		return ErrFull
	case lib.SQLITE_READONLY_DBMOVED:
		return ErrReplaced
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_BUSY:
		return ErrLocked
	case lib.SQLITE_LOCKED:
		return ErrTransient
	case lib.SQLITE_FULL:
		return ErrFull
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return ErrDamaged
	case lib.SQLITE_IOERR, lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN:
		return ErrUnavailable
	case lib.SQLITE_ERROR:
		return ErrStatement
	}
	return nil
}

func fileKind(err error) error {
	var replaced *sqlitedb.ReplacedError
	var path *fs.PathError
	switch {
	case errors.As(err, &replaced) && replaced.Log:
		return ErrLogReplaced
	case replaced != nil:
		return ErrReplaced
	case errors.As(err, &path):
		return ErrUnavailable
	}
	return nil
}
