package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// transientTries bounds how often InTx begins a transaction that the database gave up.
const transientTries = 6

// Tx is a transaction that writes. Placeholders are ?1, ?2, ... in both dialects.
type Tx struct {
	tx statements
	db *DB
}

// InTx runs f in a transaction and commits, or rolls back if f fails. If the database
// gives the transaction up, f is called again, so f must only change the database. A
// failed commit is of kind ErrCommit and is not repeated.
//
// On SQLite f may share its transaction with other functions, which see what it did before
// it is committed. What f did is kept or not by itself: a failure or panic of one takes
// nothing from the others. An error of f is returned once what f saw has been committed; if it is
// not, f is called again. f must not wait for another transaction of this process. A
// context that ends before f was called withdraws it; after that it ends f's next statement,
// but not the commit.
func (db *DB) InTx(ctx context.Context, f func(*Tx) error) error {
	return db.inOrder(ctx, inTurn, f)
}

// InTxLast is InTx for a function that does the more the later it is called. Where functions
// share transactions, it is called after all others that wait, and the commit follows.
func (db *DB) InTxLast(ctx context.Context, f func(*Tx) error) error {
	return db.inOrder(ctx, last, f)
}

func (db *DB) inOrder(ctx context.Context, o order, f func(*Tx) error) error {
	return db.repeat(ctx, func() error {
		if db.writer != nil {
			return db.writer.inTx(ctx, o, f)
		}
		return db.inTx(ctx, f)
	})
}

// repeat calls do again while the database gives its transaction up.
func (db *DB) repeat(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if !errors.Is(err, ErrTransient) || errors.Is(err, ErrCommit) || try == transientTries {
			return err
		}
		pause := time.NewTimer(time.Duration(rand.Int64N(int64(5*time.Millisecond) << try)))
		select {
		case <-ctx.Done():
			pause.Stop()
			return err
		case <-pause.C:
			db.Retried()
		}
	}
}

func (db *DB) inTx(ctx context.Context, f func(*Tx) error) (err error) {
	db.transactions.Add(1)
	asked := time.Now()
	tx, err := db.write.BeginTx(ctx, nil)
	begun := time.Now()
	db.waited.Add(int64(begun.Sub(asked)))
	if err != nil {
		return db.dialect.translate(err)
	}
	finished := false
	defer func() { db.held.Add(int64(time.Since(begun))) }()
	defer func() {
		if finished {
			return
		}
		// After a panic of f, or its error. The database may have rolled back already.
		if rerr := tx.Rollback(); rerr != nil && !errors.Is(rerr, sql.ErrTxDone) && err != nil {
			err = fmt.Errorf("%w (and the rollback: %w)", err, rerr)
		}
	}()
	if err := f(&Tx{tx: tx, db: db}); err != nil {
		return err
	}
	finished = true
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%w: %w", ErrCommit, db.dialect.translate(err))
	}
	return nil
}

// Dialect is the dialect of the database.
func (tx *Tx) Dialect() Dialect { return tx.db.dialect }

// ExecContext runs a statement that returns no rows.
func (tx *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	tx.db.statements.Add(1)
	res, err := tx.tx.ExecContext(ctx, tx.db.dialect.Rebind(query), args...)
	return res, tx.db.dialect.translate(err)
}

// QueryContext runs a statement that returns rows, which must be closed before the
// transaction is used again.
func (tx *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	tx.db.statements.Add(1)
	rows, err := tx.tx.QueryContext(ctx, tx.db.dialect.Rebind(query), args...)
	return rows, tx.db.dialect.translate(err)
}

// QueryRowContext runs a statement that returns one row at most. Its error, given by
// Scan, is the driver's own; see DB.Translate.
func (tx *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	tx.db.statements.Add(1)
	return tx.tx.QueryRowContext(ctx, tx.db.dialect.Rebind(query), args...)
}

// ExecUrgent runs one statement that must not wait behind the work of this process,
// such as a heartbeat, in a transaction of its own or, on SQLite, before all that wait for
// the next. It gives the number of rows changed.
func (db *DB) ExecUrgent(ctx context.Context, query string, args ...any) (int64, error) {
	if db.writer != nil {
		return db.execNext(ctx, query, args...)
	}
	db.statements.Add(1)
	db.transactions.Add(1)
	res, err := db.urgent.ExecContext(ctx, db.dialect.Rebind(query), args...)
	if err != nil {
		return 0, db.dialect.translate(err)
	}
	return res.RowsAffected()
}

func (db *DB) execNext(ctx context.Context, query string, args ...any) (rows int64, err error) {
	err = db.inOrder(ctx, urgent, func(tx *Tx) error {
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		rows, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return 0, err
	}
	return rows, nil
}

// QueryContext reads outside a transaction.
func (db *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	db.statements.Add(1)
	rows, err := db.read.QueryContext(ctx, db.dialect.Rebind(query), args...)
	return rows, db.dialect.translate(err)
}

// QueryRowContext reads one row at most outside a transaction. Its error, given by
// Scan, is the driver's own; see Translate.
func (db *DB) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	db.statements.Add(1)
	return db.read.QueryRowContext(ctx, db.dialect.Rebind(query), args...)
}

// Translate wraps an error of the driver with its kind (see errors.go).
func (db *DB) Translate(err error) error { return db.dialect.translate(err) }
