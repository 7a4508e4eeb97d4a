package schema

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderflow/schema/sqlitedb"
)

// transientTries bounds how often InTx begins a transaction that the database gave up.
const transientTries = 6

// Tx is a transaction that writes. Placeholders are ?1, ?2, ... in both dialects.
type Tx struct {
	tx     transaction
	db     *DB
	before string // SQL in front of each statement; see Dialect.lockWait
	failed error  // of the first of Ask's calls that failed
}

// transaction is an sql.Tx, or what stands for it on SQLite.
type transaction interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	Commit() error
	Rollback() error
}

// InTx runs f in a transaction and commits, or rolls back if f fails. If the database
// gives the transaction up, f is called again, so f must only change the database. A
// failed commit is of kind ErrCommit and is not repeated.
//
// On SQLite the transactions of a process follow each other, so f must not wait for another one. If ctx
// ends before f is called, f is not called. If it ends later, f's next statement fails, but a commit is
// not interrupted.
func (db *DB) InTx(ctx context.Context, f func(*Tx) error) error {
	return db.inTurn(ctx, sqlitedb.InTurn, f)
}

// InTxBrief is InTx for work that another process does too, or that can be done later. None of its
// statements waits longer than most for a row that another transaction has locked: the error is then of
// kind ErrBusy, and f is not called again for it. So a process that has fallen silent in the middle of a
// transaction holds up only what needs its rows. On SQLite, which locks no rows, it is InTx.
func (db *DB) InTxBrief(ctx context.Context, most time.Duration, f func(*Tx) error) error {
	before := db.dialect.lockWait(most)
	return db.inTurn(ctx, sqlitedb.InTurn, func(tx *Tx) error {
		tx.before = before
		return f(tx)
	})
}

// InTxLast is InTx for a function that does more work the later it is called. On SQLite other
// transactions go before it (see sqlitedb.Last).
func (db *DB) InTxLast(ctx context.Context, f func(*Tx) error) error {
	return db.inTurn(ctx, sqlitedb.Last, f)
}

// InTxUrgent is InTx for what must not wait behind the work of this process, such as the look before its
// registration. On SQLite it is the next to begin; on SQL Server it has a connection of the heartbeats.
func (db *DB) InTxUrgent(ctx context.Context, f func(*Tx) error) error {
	return db.inTurn(ctx, sqlitedb.Urgent, f)
}

// inTurn runs f in transactions until the database gives none up.
func (db *DB) inTurn(ctx context.Context, turn sqlitedb.Turn, f func(*Tx) error) error {
	return db.repeat(ctx, func() error { return db.inTx(ctx, turn, f) })
}

// repeat repeats a transaction while the database gives it up.
func (db *DB) repeat(ctx context.Context, transaction func() error) error {
	for try := 1; ; try++ {
		err := transaction()
		if !errors.Is(err, ErrTransient) || errors.Is(err, ErrBusy) || errors.Is(err, ErrCommit) || try == transientTries {
			return err
		}
		if !db.pause(ctx, try) {
			return err
		}
	}
}

func (db *DB) inTx(ctx context.Context, turn sqlitedb.Turn, f func(*Tx) error) (err error) {
	db.transaction(2)
	asked := time.Now()
	tx, err := db.begin(ctx, turn)
	begun, committing := time.Now(), false
	db.waited.Add(int64(begun.Sub(asked)))
	if err != nil {
		if blocked := db.Blocked(); blocked != nil && ctx.Err() != nil {
			return fmt.Errorf("%w: %w", blocked, err)
		}
		return db.dialect.translate(err)
	}
	defer func() {
		// After a panic of f, or its error. The database may have rolled back already.
		if !committing {
			if rerr := tx.Rollback(); rerr != nil && !errors.Is(rerr, sql.ErrTxDone) && err != nil {
				err = fmt.Errorf("%w (and the rollback: %w)", err, rerr)
			}
		}
		db.open.Add(int64(time.Since(begun)))
	}()
	writing := &Tx{tx: tx, db: db}
	if err := cmp.Or(f(writing), writing.failed); err != nil {
		return err
	}
	committing = true
	err = db.dialect.translate(tx.Commit())
	if err != nil && !errors.Is(err, sqlitedb.ErrEnded) { // f did not heed the error that ended it
		err = fmt.Errorf("%w: %w", ErrCommit, err)
	}
	return err
}

// begin begins a transaction, on SQLite in its turn.
func (p pools) begin(ctx context.Context, turn sqlitedb.Turn) (transaction, error) {
	switch {
	case p.sqlite == nil && turn == sqlitedb.Urgent:
		return p.urgent.BeginTx(ctx, nil)
	case p.sqlite == nil:
		return p.write.BeginTx(ctx, nil)
	}
	return p.sqlite.Begin(ctx, turn)
}

// blockedAfter is how long another process may write before it is said to keep this one from
// writing.
const blockedAfter = time.Second

// Blocked is an ErrLocked while transactions of this process wait for another process to end its
// transaction; it says for how long. Otherwise it is nil, and always on SQL Server.
func (db *DB) Blocked() error {
	if db.sqlite == nil {
		return nil
	}
	if waited := db.sqlite.Blocked(); waited >= blockedAfter {
		return fmt.Errorf("%w (for %s)", ErrLocked, waited.Round(100*time.Millisecond))
	}
	return nil
}

// Dialect is the dialect of the database.
func (tx *Tx) Dialect() Dialect { return tx.db.dialect }

// bind gives a statement and its arguments as they are sent.
func (tx *Tx) bind(query string, args []any) (string, []any) {
	text, args := tx.db.dialect.bind(query, args)
	return tx.before + text, args
}

// ExecContext runs a statement that returns no rows.
func (tx *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	tx.db.statement()
	text, args := tx.bind(query, args)
	res, err := tx.tx.ExecContext(ctx, text, args...)
	return res, tx.db.dialect.translate(err)
}

// QueryContext runs a statement that returns rows, which must be closed before the
// transaction is used again.
func (tx *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	tx.db.statement()
	text, args := tx.bind(query, args)
	rows, err := tx.tx.QueryContext(ctx, text, args...)
	return rows, tx.db.dialect.translate(err)
}

// QueryRowContext runs a statement that returns one row at most, when the row's Scan is called. Its error is the
// driver's own; see DB.Translate.
func (tx *Tx) QueryRowContext(ctx context.Context, query string, args ...any) Row {
	return Row{func(dest []any) error {
		tx.db.statement()
		text, args := tx.bind(query, args)
		rows, err := tx.tx.QueryContext(ctx, text, args...)
		return scanOne(tx.db.dialect, rows, err, dest)
	}}
}

// ExecUrgent runs one statement, such as a heartbeat, that must not wait behind the work of this
// process. It has a transaction of its own, which on SQLite is the next to begin, and which is repeated while the
// database gives it up. The result is the number of rows changed.
func (db *DB) ExecUrgent(ctx context.Context, query string, args ...any) (rows int64, err error) {
	if db.sqlite == nil {
		text, args := db.dialect.bind(query, args)
		err = db.again(ctx, func() error {
			db.transaction(0)
			db.statement()
			res, err := db.urgent.ExecContext(ctx, text, args...)
			if err == nil {
				rows, err = res.RowsAffected()
			}
			return err
		})
		return rows, db.dialect.translate(err)
	}
	err = db.inTurn(ctx, sqlitedb.Urgent, func(tx *Tx) error {
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		rows, err = res.RowsAffected()
		return err
	})
	return rows, err
}

// Translate wraps an error of the driver with its kind (see errors.go).
func (db *DB) Translate(err error) error { return db.dialect.translate(err) }
