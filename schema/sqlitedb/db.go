package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync/atomic"

	"modernc.org/sqlite"
)

// The page caches of connections, in kB. Every order writes a page of the reservations that
// may be anywhere, since their keys are hashes: with a million orders stored and a cache as
// small as the readers', an order costs a tenth more.
const (
	writerCache = 64_000
	readerCache = 16_000
)

// readers bounds the connections that read.
const readers = 8

// WALLimit is how long the -wal stays when SQLite begins it anew, in bytes. In the usual way
// it is copied into the file every thousand pages, which are 4 MB.
const WALLimit = 16 << 20

// CacheBytes is how much the connections hold in page caches at most.
const CacheBytes = (writerCache + readers*readerCache) * 1000

// Config says which file is opened, and how.
type Config struct {
	Path   string
	Access Access
	Clock  *Clock
}

// DB is an open SQLite file. It is safe for concurrent use.
type DB struct {
	// Write has the one connection that writes. A caller that uses it without Begin waits for the
	// transaction under way, outside the queue.
	Write *sql.DB
	Read  *sql.DB // its connections only read

	once  *sql.DB // connections for one use, without a cache
	file  *file
	clock *Clock
	queue queue[WriteTx]
	// blocked is since when no transaction could be begun because of another process, in
	// nanoseconds since 1970; 0 if none is waited for.
	blocked atomic.Int64
}

// Open opens the file. It makes one, for its owner only, if there is none.
func Open(ctx context.Context, c Config) (*DB, error) {
	f, err := openFile(c.Path)
	if err != nil {
		return nil, err
	}
	drv := withClock(c.Clock)
	connect := func(pragmas ...string) connector {
		q := c.Access.query()
		q["_pragma"] = append([]string{"busy_timeout(10000)", "temp_store(MEMORY)"}, pragmas...)
		if c.Access == ToWrite {
			q["_txlock"] = []string{"immediate"}
			q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)", "synchronous(FULL)", fmt.Sprintf("journal_size_limit(%d)", WALLimit))
		}
		return connector{driver: drv, source: source(c.Path, q), file: f}
	}
	if err := f.keepLog(ctx, sql.OpenDB(connect("query_only(1)"))); err != nil {
		return nil, err
	}
	writing := connect(cache(writerCache))
	writing.writes = true
	return &DB{
		Write: pool(writing, 1),
		Read:  pool(connect("query_only(1)", cache(readerCache)), readers),
		once:  pool(connect("query_only(1)"), 0),
		file:  f, clock: c.Clock,
	}, nil
}

func cache(kilobytes int) string { return fmt.Sprintf("cache_size(-%d)", kilobytes) }

func source(path string, q url.Values) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// pool gives at most that many connections, which stay open; 0 for any number, none of which stays open.
func pool(c connector, most int) *sql.DB {
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db
}

// Memory is an empty database in memory.
func Memory(c *Clock) *sql.DB { return pool(connector{driver: withClock(c), source: ":memory:"}, 1) }

// Tables lists the tables of a file without changing it; none if it is not there, or empty.
func Tables(ctx context.Context, c Config) (tables []string, err error) {
	switch info, err := os.Stat(c.Path); {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Mode().IsRegular() && info.Size() == 0:
		return nil, nil
	}
	q := c.Access.query()
	q["_pragma"] = []string{"busy_timeout(10000)", "query_only(1)"}
	db := sql.OpenDB(connector{driver: &sqlite.Driver{}, source: source(c.Path, q)})
	defer func() { err = errors.Join(err, db.Close()) }()
	err = each(ctx, db, `SELECT name, '' FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`, func(name, _ string) error {
		tables = append(tables, name)
		return nil
	})
	return tables, err
}

// querier is a pool, a connection of it, or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each calls do with every row of two texts.
func each(ctx context.Context, db querier, query string, do func(a, b string) error) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var a, b string
		if err := rows.Scan(&a, &b); err != nil {
			return err
		}
		if err := do(a, b); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Check gives a ReplacedError if the path, or that of the write-ahead log, names another file than
// the one that was opened, or none. It costs some microseconds.
func (db *DB) Check() error { return db.file.check() }

// trees are the tables of the file and their indexes, but for partial indexes, which a query without
// conditions cannot use.
const trees = `SELECT m.name, '' FROM sqlite_master m WHERE m.type = 'table'
	UNION ALL SELECT m.name, i.name FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' AND i.origin <> 'pk' AND NOT i.partial`

// Look reads the beginning of every table and index from the disk. It opens a connection for that, since
// the caches of the others may hide damage.
func (db *DB) Look(ctx context.Context) (err error) {
	conn, err := db.once.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return each(ctx, conn, trees, func(table, index string) error {
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

// Close closes all connections. Transactions under way are rolled back. It may be called again.
func (db *DB) Close() error {
	if db.file.taken() {
		return nil // see there
	}
	return errors.Join(db.Write.Close(), db.Read.Close(), db.once.Close(), db.file.close())
}
