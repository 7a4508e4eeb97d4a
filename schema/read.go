package schema

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Read asks one question outside of a transaction and gives the rows of the answer to read, which takes them with
// Next and Scan. If the database gives the question up, as when it is chosen as a deadlock's victim, it is asked
// again: then read is called again and must begin anew, whatever it has taken before. So read gathers a bounded
// answer; who hands rows on as they come asks with QueryContext. Errors have kinds. If ctx has ended, the error is
// that of ctx too, also where breaking the question off broke the connection.
func (db *DB) Read(ctx context.Context, read func(*sql.Rows) error, query string, args ...any) error {
	err := db.dialect.translate(db.again(ctx, func() error {
		rows, err := db.QueryContext(ctx, query, args...)
		return readAnswer(db.dialect, rows, err, read)
	}))
	return withEnd(ctx, err)
}

// withEnd is an error that is that of ctx too, if ctx has ended.
func withEnd(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// Collect is Reader.Read for a list: scan reads each row of the answer. The list is empty, and not nil, if there are
// none.
func Collect[T any](ctx context.Context, in Reader, scan func(*sql.Rows, *T) error, query string, args ...any) (all []T, err error) {
	err = in.Read(ctx, func(rows *sql.Rows) error {
		all = []T{}
		for rows.Next() {
			var one T
			if err := scan(rows, &one); err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	}, query, args...)
	return all, err
}

// Read is DB.Read in a transaction, which asks once: a transaction that is given up is repeated as a whole.
func (tx *Tx) Read(ctx context.Context, read func(*sql.Rows) error, query string, args ...any) error {
	return tx.ask(ctx, Question{Query: query, Args: args, Read: read})
}

// again asks a question until the database answers it, up to transientTries times. What was waited for already, a
// row (ErrBusy) or a SQLite file (ErrLocked) that is locked, is not asked for again.
func (db *DB) again(ctx context.Context, ask func() error) error {
	for try := 1; ; try++ {
		err := ask()
		kind := db.dialect.translate(err)
		if !errors.Is(kind, ErrTransient) || errors.Is(kind, ErrBusy) || errors.Is(kind, ErrLocked) || try == transientTries {
			return err
		}
		if !db.pause(ctx, try) {
			return err
		}
	}
}

// pause waits before the next try, longer from try to try and never for the same time, so that those who met
// do not meet again. It counts the retry. It is false if ctx ends first.
func (db *DB) pause(ctx context.Context, try int) bool {
	pause := time.NewTimer(time.Duration(rand.Int64N(int64(5*time.Millisecond) << try)))
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-pause.C:
		db.Retried()
		return true
	}
}

// Row is the answer to a question for one row at most.
type Row struct{ scan func(dest []any) error }

// Scan asks the question, again if the database gives it up, and reads the row; sql.ErrNoRows if there is none.
// The error is the driver's own; see DB.Translate.
func (r Row) Scan(dest ...any) error { return r.scan(dest) }

// QueryRowContext reads one row at most outside a transaction, when the row's Scan is called.
func (db *DB) QueryRowContext(ctx context.Context, query string, args ...any) Row {
	text, args := db.dialect.bind(query, args)
	return Row{func(dest []any) error {
		return db.again(ctx, func() error {
			db.statement()
			rows, err := db.read.QueryContext(ctx, text, args...)
			return scanOne(db.dialect, rows, err, dest)
		})
	}}
}

// QueryContext reads outside a transaction, row by row. If the database gives it up, it is not asked again; see
// Read.
func (db *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	db.statement()
	text, args := db.dialect.bind(query, args)
	rows, err := db.read.QueryContext(ctx, text, args...)
	return rows, db.dialect.translate(err)
}

// scanOne reads the one row of an answer.
func scanOne(d Dialect, rows *sql.Rows, err error, dest []any) error {
	return readAnswer(d, rows, err, func(rows *sql.Rows) error {
		if !rows.Next() {
			return cmp.Or(rows.Err(), sql.ErrNoRows)
		}
		return rows.Scan(dest...)
	})
}

// readAnswer has an answer read, to its end. err is the error of the question.
func readAnswer(d Dialect, rows *sql.Rows, err error, read func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	if err := read(rows); err != nil {
		return err
	}
	d.finish(rows)
	return rows.Err()
}
