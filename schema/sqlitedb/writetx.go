package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"runtime"
)

// WriteTx is a transaction on the connection that writes. It replaces an sql.Tx, and saves a goroutine
// for each transaction and each query, and the conversion of arguments.
//
// To interrupt a statement would end the whole transaction. So no statement begins after its context
// has ended, and none that has begun is interrupted.
type WriteTx struct {
	queue  *queue[WriteTx]
	file   *file
	pooled *sql.Conn
	own    *conn       // pooled's; used under its lock, but for open
	asked  []io.Closer // the rows of questions since none was open
}

// with calls f with the connection, unless it was given back.
func (tx *WriteTx) with(f func(*conn) error) error {
	return done(tx.pooled.Raw(func(c any) error { return f(c.(*conn)) }))
}

// done is the error of a transaction, where database/sql has that of a connection.
func done(err error) error {
	if errors.Is(err, sql.ErrConnDone) {
		return sql.ErrTxDone
	}
	return err
}

// Commit commits and lets the next transaction begin. The error is a ReplacedError if the commit went to
// a file that is no longer the database, and ErrEnded if SQLite had rolled back before.
func (tx *WriteTx) Commit() error {
	if err := tx.end((*conn).commit); err != nil {
		return err
	}
	return tx.file.check()
}

// Rollback takes everything back and lets the next transaction begin.
func (tx *WriteTx) Rollback() error { return tx.end((*conn).rollback) }

func (tx *WriteTx) end(how func(*conn) error) error {
	tx.closeRows()
	err := tx.with(how)
	if !errors.Is(err, sql.ErrTxDone) {
		_ = tx.pooled.Close() // gives it back; what it says adds nothing
		tx.queue.leave()
		runtime.Gosched() // the next has the processor now: nobody writes until it begins
	}
	return err
}

// ExecContext runs a statement that returns no rows.
func (tx *WriteTx) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = tx.with(func(c *conn) error {
		res, err = c.execArgs(query, args)
		return err
	})
	return res, err
}

// QueryContext runs a statement that returns rows.
func (tx *WriteTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tx.forgetRows()
	rows, err := tx.pooled.QueryContext(context.Background(), query, args...)
	if err == nil {
		tx.asked = append(tx.asked, rows)
	}
	return rows, done(err)
}

// QueryRowContext runs a statement that returns one row at most.
func (tx *WriteTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if ctx.Err() == nil {
		ctx = context.Background()
	}
	tx.forgetRows()
	row := tx.pooled.QueryRowContext(ctx, query, args...)
	tx.asked = append(tx.asked, oneRow{row})
	return row
}

type oneRow struct{ row *sql.Row }

func (r oneRow) Close() error { return r.row.Scan() } // it closes, whatever it says

// forgetRows forgets the questions before, if all were read to their ends.
func (tx *WriteTx) forgetRows() {
	if tx.own.open.Load() == 0 {
		clear(tx.asked)
		tx.asked = tx.asked[:0]
	}
}

// closeRows closes what was left open, without which the connection is not given back.
func (tx *WriteTx) closeRows() {
	if tx.own.open.Load() > 0 {
		for _, rows := range tx.asked {
			_ = rows.Close()
		}
	}
}
