package schema

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync/atomic"
)

// maxPrepared bounds the statements one connection keeps prepared; further texts are
// prepared each time.
const maxPrepared = 256

// preparingConnector opens connections that keep their statements prepared, so that
// callers need not. It is for drivers whose statements cost no round trip.
type preparingConnector struct {
	driver driver.Driver
	name   string
	file   *file  // which name names
	guard  *guard // nil for connections that only read
}

func (c preparingConnector) Driver() driver.Driver { return c.driver }

func (c preparingConnector) Connect(context.Context) (driver.Conn, error) {
	if err := c.file.check(); err != nil {
		return nil, err
	}
	inner, err := c.driver.Open(c.name)
	if err != nil {
		return nil, err
	}
	if err := c.file.check(); err != nil { // it may be the other file that was opened
		return nil, errors.Join(err, inner.Close())
	}
	return &preparingConn{inner: inner.(fullConn), prepared: map[string]*preparedStmt{}, guard: c.guard}, nil
}

// fullConn is what the SQLite driver's connection can do.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type preparingConn struct {
	inner    fullConn
	prepared map[string]*preparedStmt
	guard    *guard
	open     atomic.Int32 // rows that are being read
	damaged  bool         // it may have pages in memory that are not what was written

	args, arranged []driver.NamedValue // for the arguments of the next statement
}

type preparedStmt struct {
	driver.Stmt
	busy  bool  // its rows are being read
	order []int // which argument, from 0, goes to each placeholder; nil: as they come
}

// statement gives the kept statement for query, or nil if it is in use or too many
// are kept.
func (c *preparingConn) statement(ctx context.Context, query string) (*preparedStmt, error) {
	if s, kept := c.prepared[query]; kept {
		if s.busy {
			return nil, nil
		}
		return s, nil
	}
	if len(c.prepared) >= maxPrepared {
		return nil, nil
	}
	text, order := positional(query)
	inner, err := c.inner.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s := &preparedStmt{Stmt: inner, order: order}
	c.prepared[query] = s
	return s, nil
}

func (c *preparingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.guard.refuse(); err != nil {
		return nil, err
	}
	res, err := c.exec(ctx, query, args)
	return res, c.note(err)
}

func (c *preparingConn) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.inner.ExecContext(ctx, query, args)
	}
	if args, err = c.arrange(s, args); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (c *preparingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.guard.refuse(); err != nil {
		return nil, err
	}
	rows, err := c.query(ctx, query, args)
	return rows, c.note(err)
}

func (c *preparingConn) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		rows, err := c.inner.QueryContext(ctx, query, args)
		if err != nil {
			return nil, err
		}
		s = &preparedStmt{}
		return c.reading(rows, s), nil
	}
	if args, err = c.arrange(s, args); err != nil {
		return nil, err
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	return c.reading(rows, s), nil
}

type preparedRows struct {
	driver.Rows
	stmt *preparedStmt
	conn *preparingConn
}

func (c *preparingConn) reading(rows driver.Rows, s *preparedStmt) driver.Rows {
	s.busy = true
	c.open.Add(1)
	return preparedRows{Rows: rows, stmt: s, conn: c}
}

func (r preparedRows) Next(dest []driver.Value) error {
	return r.conn.note(r.Rows.Next(dest))
}

func (r preparedRows) Close() error {
	r.stmt.busy = false
	r.conn.open.Add(-1)
	return r.conn.note(r.Rows.Close())
}

func (c *preparingConn) Close() error {
	for _, s := range c.prepared {
		// The connection goes; what a statement's own close says adds nothing.
		_ = s.Stmt.Close()
	}
	clear(c.prepared)
	return c.inner.Close()
}

func (c *preparingConn) Prepare(query string) (driver.Stmt, error) { return c.inner.Prepare(query) }

func (c *preparingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.inner.PrepareContext(ctx, query)
}

// Begin is required by driver.Conn; database/sql calls BeginTx.
func (c *preparingConn) Begin() (driver.Tx, error) {
	return c.inner.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx is for those who do not share transactions.
func (c *preparingConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.guard.reset()
	return c.inner.BeginTx(ctx, o)
}

// begin begins a transaction that writes. It waits for other processes until ctx ends.
func (c *preparingConn) begin(ctx context.Context) error {
	c.guard.reset()
	_, err := c.exec(ctx, "BEGIN IMMEDIATE", nil)
	if c.note(err) != nil {
		_ = c.rollback() // a context that ended late is an error of a transaction that has begun
	}
	return err
}

func (c *preparingConn) commit() error {
	_, err := c.exec(context.Background(), "COMMIT", nil)
	if c.note(err) != nil {
		_ = c.rollback() // some failures leave it open
	}
	return err
}

func (c *preparingConn) rollback() error {
	_, err := c.exec(context.Background(), "ROLLBACK", nil)
	return err
}

// note notes what an error says of the transaction and of the connection, and returns it.
func (c *preparingConn) note(err error) error {
	c.damaged = c.damaged || isDamage(err)
	return c.guard.note(err)
}

// IsValid says whether the connection may be kept. Damaged pages that it has read stay in its
// memory, also when the file is as it was again.
func (c *preparingConn) IsValid() bool { return !c.damaged && c.inner.IsValid() }

func (c *preparingConn) Ping(ctx context.Context) error { return c.inner.Ping(ctx) }

// ResetSession is called when the connection is taken from the pool.
func (c *preparingConn) ResetSession(ctx context.Context) error {
	c.guard.reset()
	return c.inner.ResetSession(ctx)
}
