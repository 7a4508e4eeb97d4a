package sqlitedb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// ErrEnded is the error of a statement, or a commit, of a transaction that SQLite has rolled back.
var ErrEnded = errors.New("after an error that ended the transaction")

// connector opens connections that keep their statements prepared, so that callers need not.
type connector struct {
	driver driver.Driver
	source string
	file   *file // that source names; nil in memory
	writes bool
}

func (c connector) Driver() driver.Driver { return c.driver }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	if err := c.file.check(); err != nil {
		return nil, err
	}
	inner, err := c.driver.Open(c.source)
	if err != nil {
		return nil, err
	}
	if err := c.file.check(); err != nil { // it may be the other file that was opened
		return nil, errors.Join(err, inner.Close())
	}
	return &conn{statements: statements{driverConn: inner.(driverConn), prepared: map[string]*statement{}}, writes: c.writes}, nil
}

// conn is a connection, which knows what errors mean for it and for its transaction.
type conn struct {
	statements
	writes  bool  // it is the only one that does
	ended   error // what may have ended the transaction, if it writes
	damaged bool  // it may have pages in memory that are not what was written
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.refuse(); err != nil {
		return nil, err
	}
	res, err := c.exec(ctx, query, args)
	return res, c.note(err)
}

// execArgs is ExecContext for arguments that database/sql has not looked at.
func (c *conn) execArgs(query string, args []any) (driver.Result, error) {
	values, err := c.values(args)
	if err != nil {
		return nil, err
	}
	res, err := c.ExecContext(context.Background(), query, values)
	for i := range values {
		values[i].Value = nil // the driver keeps none, and they may be large
	}
	return res, err
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.refuse(); err != nil {
		return nil, err
	}
	rows, of, err := c.query(ctx, query, args)
	if err != nil {
		return nil, c.note(err)
	}
	of.busy = true
	c.open.Add(1)
	return openRows{rows, of, c}, nil
}

// openRows are the rows of a statement that is being read.
type openRows struct {
	driver.Rows
	of   *statement
	conn *conn
}

func (r openRows) Next(dest []driver.Value) error { return r.conn.note(r.Rows.Next(dest)) }

func (r openRows) Close() error {
	r.of.busy = false
	r.conn.open.Add(-1)
	return r.conn.note(r.Rows.Close())
}

// begin begins a transaction that writes. It waits for other processes until ctx ends.
func (c *conn) begin(ctx context.Context) error {
	c.ended = nil
	_, err := c.exec(ctx, "BEGIN IMMEDIATE", nil)
	if c.note(err) != nil {
		_ = c.rollback() // a context that ended late is an error of a transaction that has begun
	}
	return err
}

func (c *conn) commit() error {
	if err := c.refuse(); err != nil {
		_ = c.rollback() // SQLite may have done so
		return err
	}
	_, err := c.exec(context.Background(), "COMMIT", nil)
	if c.note(err) != nil {
		_ = c.rollback() // some failures leave it open
	}
	return err
}

// rollback does nothing wrong where SQLite has rolled back already.
func (c *conn) rollback() error {
	_, err := c.exec(context.Background(), "ROLLBACK", nil)
	if c.ended == nil {
		return err
	}
	return nil
}

// BeginTx is for transactions outside the queue.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.ended = nil
	return c.driverConn.BeginTx(ctx, o)
}

// refuse is why no statement may run: each would be a transaction of its own.
func (c *conn) refuse() error {
	if c.ended == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrEnded, c.ended)
}

// note notes what an error says of the transaction and of the connection, and returns it.
func (c *conn) note(err error) error {
	if err != nil {
		c.damaged = c.damaged || isDamage(err)
		if c.writes && c.ended == nil && endsTransaction(err) {
			c.ended = err
		}
	}
	return err
}

// endsTransaction says whether SQLite may have rolled a whole transaction back with this
// error of a statement (https://www.sqlite.org/lang_transaction.html, 3.1). The errors that are
// known to concern their statement only are named here; all others may have.
func endsTransaction(err error) bool {
	switch code(err) {
	case lib.SQLITE_OK, lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_RANGE, lib.SQLITE_TOOBIG,
		lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_SCHEMA, lib.SQLITE_AUTH, lib.SQLITE_MISUSE:
		return false
	}
	return true
}

// isDamage says whether a page was not what SQLite had written.
func isDamage(err error) bool {
	c := code(err)
	return c == lib.SQLITE_CORRUPT || c == lib.SQLITE_NOTADB
}

// code is the primary result code of an error; SQLITE_OK for one that is not SQLite's.
func code(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return lib.SQLITE_OK
	}
	return e.Code() & 0xff
}

// IsValid says whether the connection may be kept. Damaged pages that it has read stay in its
// memory, also when the file is as it was again.
func (c *conn) IsValid() bool { return !c.damaged && c.driverConn.IsValid() }

// ResetSession is called when the connection is taken from the pool.
func (c *conn) ResetSession(ctx context.Context) error {
	c.ended = nil
	return c.driverConn.ResetSession(ctx)
}

func (c *conn) Close() error {
	for _, s := range c.prepared {
		_ = s.Close() // the connection goes; what this says adds nothing
	}
	clear(c.prepared)
	return c.driverConn.Close()
}
