package schema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"io"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/sqlserver/*.sql
var sqlServerMigrations embed.FS

type sqlServer struct{}

func (sqlServer) Name() string               { return "sqlserver" }
func (sqlServer) Rebind(query string) string { return strings.ReplaceAll(query, "?", "@p") }

func (sqlServer) bind(query string, args []any) (string, []any) {
	d := declare(query, args)
	var text strings.Builder
	d.write(&text, 0)
	return text.String(), d.args
}

func (sqlServer) Limit(param string) string {
	return "OFFSET 0 ROWS FETCH NEXT " + param + " ROWS ONLY"
}

func (sqlServer) RoundTrips() bool { return true }
func (sqlServer) OneWriter() bool  { return false }

func (sqlServer) finish(rows *sql.Rows) {
	for rows.Next() {
		continue
	}
}

func (sqlServer) Now() string { return "SYSUTCDATETIME()" }

// SkipLocked has ROWLOCK because a row is not passed over whose page is locked, and READCOMMITTEDLOCK because
// READPAST alone is refused when READ_COMMITTED_SNAPSHOT is on (Transact-SQL reference, Table Hints).
func (sqlServer) SkipLocked() string { return ` WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)` }

// lockWait sets the time for the statements that are sent together with it, and costs no round trip. The
// server's default returns when the statements end, or when the connection is used for something else.
func (sqlServer) lockWait(most time.Duration) string {
	return "SET LOCK_TIMEOUT " + strconv.FormatInt(most.Milliseconds(), 10) + ";\n"
}

func (sqlServer) NowPlus(param string) string {
	return "DATEADD(millisecond, " + param + ", SYSUTCDATETIME())"
}

// WhoseClock: the server's is everybody's.
func (sqlServer) WhoseClock() string { return strconv.Itoa(OwnClock) }

// open gives one pool for the work and a small one for heartbeats, so that a node
// whose connections are all in use does not lose its leases for want of one.
func (sqlServer) open(_ context.Context, d DSN) (pools, error) {
	n := &traffic{}
	work, err := sqlServerPool(d, d.MaxConns, n)
	if err != nil {
		return pools{}, err
	}
	urgent, err := sqlServerPool(d, 2, n)
	if err != nil {
		return pools{}, errors.Join(err, work.Close())
	}
	return pools{write: work, read: work, urgent: urgent, traffic: n}, nil
}

// anyOf is not IN, which Babelfish refuses for an indexed binary column; to SQL Server
// the two are the same.
func (sqlServer) anyOf(column string, n int) string {
	terms := make([]string, n)
	for i := range terms {
		terms[i] = column + " = " + placeholders(i+1, 1)
	}
	return "(" + strings.Join(terms, " OR ") + ")"
}

func (sqlServer) hasTable(ctx context.Context, db *sql.DB, name string) (has bool, err error) {
	err = db.QueryRowContext(ctx, `SELECT COUNT(*) FROM sys.tables WHERE name = @p1`, name).Scan(&has)
	return has, err
}

func (sqlServer) migrations() (goose.Dialect, fs.FS, error) {
	sub, err := fs.Sub(sqlServerMigrations, "migrations/sqlserver")
	return goose.DialectMSSQL, sub, err
}

// translate goes by the error numbers of SQL Server.
func (sqlServer) translate(err error) error { return translated(err, sqlServerKind) }

// later are the numbers that say: not now. Most say "try again later" in so many words. A log-in that fails is among
// them, since it does so while a group fails over: the new primary may not have opened the database that knows
// the log-in. Nothing waits for it at the first contact.
var later = [...]int32{
	701, 802, 8628, 8645, 8651, 17803, // no memory: for a statement, for pages, for a plan, in time, at all, for a connection
	921, 922, 923, 924, 926, 927, 941, 942, 945, 952, // the database is not recovered, restricted, suspect, restored, not started, offline, in transition
	615, 913, 4060, 4221, 3906, 9001, // it is not there yet, cannot be opened, is catching up, is read-only, has no log
	954, 955, 956, 976, 978, 979, 982, 983, 988, // it is a mirror or a replica that cannot be used, or lacks a quorum
	6005, 17142, 17187, 17188, 17189, 17197, 17809, // the server shuts down, is paused, is not ready, has no thread, no time, no connection left
	18401, 18451, 18456, 18461, 40623, // log-ins: while scripts are upgraded, of administrators only, failed, of one user only, to be done again
	40143, 40189, 40197, 40501, 40540, 40613, 40642, 40648, 40675, 40903, // Azure SQL: fail-over, quotas, busy
	10928, 10929, 10930, 10936, 49510, 49802, 49918, 49919, 49920, 49977, 49983, // and limits of the tier
}

// sqlServerKind knows 33557097 too, which is what Babelfish gives for a lock time-out and for a snapshot
// conflict, which it does not map.
func sqlServerKind(err error) error {
	var e mssql.Error
	if !errors.As(err, &e) {
		return networkKind(err)
	}
	switch e.Number {
	case 2627, 2601: // violation of a constraint, of a unique index
		return ErrDuplicateKey
	case 1222, 33557097: // lock time-out
		return ErrBusy
	case 1205, 1204, 1203, 1221, // deadlock victim, no locks left, locks confused
		3960, 3966, 3947, 3948: // snapshot conflict, row versions gone, a replica's state changed
		return ErrTransient
	case 547, 51000: // check constraint, THROW of our triggers
		return ErrRefused
	case 596, 40549, 40550, 40551, 40552, 40553: // the session was killed; its transaction is rolled back
		return ErrBroken
	case 1105, 1101, 9002, 40544, // no space in the database, in the log, in the size of the tier
		3958: // no space for row versions
		return ErrFull
	case 207, 208, 308: // no such column, object, index
		return ErrStatement
	case 823, 824, 605: // the operating system could not read it, a page is not what was written, a page of something else
		return ErrDamaged
	}
	if slices.Contains(later[:], e.Number) {
		return ErrUnavailable
	}
	return nil
}

func networkKind(err error) error {
	var ne net.Error
	var stream mssql.StreamError
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &ne) || errors.As(err, &stream) {
		return ErrBroken
	}
	return nil
}
