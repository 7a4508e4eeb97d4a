package schema

import (
	"context"
	"database/sql"
	"time"
)

// Reader asks questions. It is a DB, or a Look.
type Reader interface {
	Read(ctx context.Context, read func(*sql.Rows) error, query string, args ...any) error
	Dialect() Dialect
}

// Look is several questions about one thing, which lock nothing. See DB.Look.
type Look struct {
	db     *DB
	tx     *sql.Tx // SQLite: that reads; nil on SQL Server
	before string  // SQL in front of each question; see Dialect.lockWait
}

// Look has f ask questions. On SQLite the answers are of one moment, since f asks in a transaction that reads. On SQL
// Server each answer is of a moment of its own, in the order of the questions: a transaction would make them one
// moment only where the database allows snapshots, which no one needs to do. There, with READ_COMMITTED_SNAPSHOT off,
// a question waits no longer than most for a row that a transaction has locked: its error is then of kind ErrBusy, and
// other questions can still be asked.
func (db *DB) Look(ctx context.Context, most time.Duration, f func(*Look) error) error {
	if db.sqlite == nil {
		return f(&Look{db: db, before: db.dialect.lockWait(most)})
	}
	tx, err := db.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return db.dialect.translate(err)
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	return f(&Look{db: db, tx: tx})
}

// Dialect is the dialect of the database.
func (l *Look) Dialect() Dialect { return l.db.dialect }

// Read is DB.Read for a question of the look.
func (l *Look) Read(ctx context.Context, read func(*sql.Rows) error, query string, args ...any) error {
	if l.tx == nil {
		return l.db.Read(ctx, read, l.before+query, args...)
	}
	return withEnd(ctx, l.db.dialect.translate(l.ask(ctx, read, query, args)))
}

func (l *Look) ask(ctx context.Context, read func(*sql.Rows) error, query string, args []any) error {
	l.db.statement()
	text, args := l.db.dialect.bind(query, args)
	rows, err := l.tx.QueryContext(ctx, text, args...)
	return readAnswer(l.db.dialect, rows, err, read)
}
