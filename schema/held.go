package schema

import (
	"context"
	"database/sql"
	"errors"
)

// statements is what a transaction is used with.
type statements interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// held is SQLite's writing connection with a transaction on it. It is to functions what an
// sql.Tx would be, without a goroutine for each transaction and each question, and without
// what database/sql does to the arguments of a change.
//
// To interrupt a change ends the whole transaction, which others share. So a context that has
// ended keeps a statement from beginning, and none that has begun is interrupted.
type held struct {
	conn *sql.Conn
	own  *preparingConn // conn's; used under its lock, but for open
	rows []*sql.Rows    // of questions since none was open
	row  []*sql.Row
}

// hold takes the connection and begins a transaction on it, and waits for both until ctx ends.
func hold(ctx context.Context, pool *sql.DB) (*held, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	h := &held{conn: conn}
	err = h.with(func(c *preparingConn) error {
		h.own = c
		return c.begin(ctx)
	})
	if err != nil {
		_ = conn.Close() // gives it back; what it says adds nothing
		return nil, err
	}
	return h, nil
}

// with calls f with the connection, unless it was given back.
func (h *held) with(f func(*preparingConn) error) error {
	err := h.conn.Raw(func(c any) error { return f(c.(*preparingConn)) })
	if errors.Is(err, sql.ErrConnDone) {
		return sql.ErrTxDone
	}
	return err
}

// Commit commits, and gives the connection back.
func (h *held) Commit() error { return h.end((*preparingConn).commit) }

// Rollback takes everything back, and gives the connection back.
func (h *held) Rollback() error { return h.end((*preparingConn).rollback) }

func (h *held) end(how func(*preparingConn) error) error {
	h.closeRows()
	err := h.with(how)
	_ = h.conn.Close() // gives it back; what it says adds nothing
	return err
}

// ExecContext runs a statement that returns no rows.
func (h *held) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = h.with(func(c *preparingConn) error {
		res, err = c.execArgs(query, args)
		return err
	})
	return res, err
}

// QueryContext runs a statement that returns rows.
func (h *held) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h.forgetRows()
	rows, err := h.conn.QueryContext(context.Background(), query, args...)
	if errors.Is(err, sql.ErrConnDone) {
		return nil, sql.ErrTxDone
	}
	if err == nil {
		h.rows = append(h.rows, rows)
	}
	return rows, err
}

// QueryRowContext runs a statement that returns one row at most.
func (h *held) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if ctx.Err() == nil {
		ctx = context.Background()
	}
	h.forgetRows()
	row := h.conn.QueryRowContext(ctx, query, args...)
	h.row = append(h.row, row)
	return row
}

// forgetRows forgets the questions before, if all were read to their ends.
func (h *held) forgetRows() {
	if h.own.open.Load() == 0 {
		clear(h.rows)
		clear(h.row)
		h.rows, h.row = h.rows[:0], h.row[:0]
	}
}

// closeRows closes what functions left open, without which the connection is not given back.
func (h *held) closeRows() {
	if h.own.open.Load() == 0 {
		return
	}
	for _, rows := range h.rows {
		_ = rows.Close()
	}
	for _, row := range h.row {
		_ = row.Scan() // closes it
	}
}
