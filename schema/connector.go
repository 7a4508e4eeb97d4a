package schema

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// opening is how many connections of a pool may be opened at once.
const opening = 2

// connector opens the connections of a pool of SQL Server, a few at a time. A new connection costs the server
// much more than a statement, and its first statement may cost a small one seconds. Opened all at once, as after
// a start or a fail-over, they would keep it from answering heartbeats. So a pool may have as many connections
// as are open, and a few more; who finds none free waits for the next that is. A connection is given out when
// it has answered a first statement.
type connector struct {
	*mssql.Connector
	pool   *sql.DB
	most   int
	open   atomic.Int64
	opened *atomic.Int64 // in all, by this pool and others
	serves atomic.Bool   // serve is at work
	// within bounds the time from the dial to the first answer. The driver bounds the dial only, and a log-in
	// that gets no answer is one that others wait for.
	within time.Duration
}

// sqlServerPool gives a pool of up to most connections.
func sqlServerPool(d DSN, most int, n *traffic) (*sql.DB, error) {
	conf, err := msdsn.Parse(d.URL.String())
	if err != nil {
		return nil, err
	}
	c := &connector{Connector: mssql.NewConnectorConfig(conf), most: most, opened: &n.opened, within: 15 * time.Second}
	if conf.DialTimeout > 0 {
		c.within = conf.DialTimeout
	}
	c.Dialer = tripCounter{net.Dialer{KeepAlive: cmp.Or(conf.KeepAlive, keepAlive)}, &n.trips}
	c.pool = sql.OpenDB(c)
	c.pool.SetConnMaxIdleTime(5 * time.Minute)
	c.resize()
	return c.pool, nil
}

// Connect opens a connection that has answered.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	l := &login{until: time.Now().Add(c.within)}
	conn, err := c.Connector.Connect(context.WithValue(ctx, loginKey{}, l))
	if err != nil {
		return nil, err
	}
	opened := &connection{Conn: conn.(*mssql.Conn), of: c} //nolint:forcetypeassert // the driver's connector gives no other
	c.open.Add(1)
	if err := opened.answer(ctx); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	l.end()
	c.opened.Add(1)
	c.resize()
	go c.serve() //nolint:gosec // it serves those who wait, and outlives the caller's context
	return opened, nil
}

// serve opens connections for those who wait, one after the other, until one is left over. Those who wait do
// not hear of a larger bound, and those who have the connections may keep them.
func (c *connector) serve() {
	if c.serves.Swap(true) {
		return
	}
	defer c.serves.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), c.within)
	defer cancel()
	for s := c.pool.Stats(); s.WaitCount > 0 && s.Idle == 0 && s.OpenConnections < c.most; s = c.pool.Stats() {
		conn, err := c.pool.Conn(ctx)
		if err != nil {
			return
		}
		_ = conn.Close() // to the pool: the first of them gets it
	}
}

// resize bounds the pool by the connections that are open. The last of several who call it at once sees what the
// others have counted.
func (c *connector) resize() {
	for {
		n := min(c.most, int(c.open.Load())+opening)
		c.pool.SetMaxOpenConns(n)
		c.pool.SetMaxIdleConns(n)
		if n == min(c.most, int(c.open.Load())+opening) {
			return
		}
	}
}

// connection is one that counts for its pool until it is closed.
type connection struct {
	*mssql.Conn
	of *connector
}

// Close closes it. The pool, which may be locked by who calls, hears of it a moment later.
func (c *connection) Close() error {
	err := c.Conn.Close()
	c.of.open.Add(-1)
	go c.of.resize()
	return err
}

// answer has the server parse and run a statement with parameters and a table.
func (c *connection) answer(ctx context.Context) error {
	statement, err := c.PrepareContext(ctx, `SELECT COUNT(*) FROM sys.tables WHERE name = @p1 AND object_id > @p2`)
	if err != nil {
		return err
	}
	defer func() { _ = statement.Close() }()
	rows, err := statement.(driver.StmtQueryContext).QueryContext(ctx, []driver.NamedValue{{Ordinal: 1, Value: "nodes"}, {Ordinal: 2, Value: int64(0)}}) //nolint:forcetypeassert // it is the driver's
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for row := make([]driver.Value, 1); err == nil; {
		err = rows.Next(row)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
