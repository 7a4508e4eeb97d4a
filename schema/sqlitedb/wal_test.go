package sqlitedb

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// TestWAL_Tend: the -wal grows beside a reader, which is said, and is short again when the
// reader has ended.
func TestWAL_Tend(t *testing.T) {
	w := newWAL(t)
	if s, err := w.Tend(t.Context()); err != nil || !s.Held.IsZero() || s.Bytes > w.limit {
		t.Fatalf("at first %+v, %v", s, err)
	}
	end := w.read(t)
	w.grow(t, 3)
	var s WALState
	var err error
	for range 3 {
		w.grow(t, 1)
		if s, err = w.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s.Held.IsZero() || time.Since(s.Held) > time.Minute || s.Bytes < 3*w.limit {
		t.Errorf("beside a reader %+v, want more than %d bytes and since when", s, 3*w.limit)
	}
	end()
	if s, err = w.Tend(t.Context()); err != nil || !s.Held.IsZero() || s.Bytes != 0 {
		t.Errorf("after the reader %+v, %v; want an empty -wal", s, err)
	}
	if got := w.commitsCopyAfter(t); got != usualCheckpoint {
		t.Errorf("commits copy after %d pages, want %d again", got, usualCheckpoint)
	}
}

// TestWAL_beside: while there is much to copy, commits do not.
func TestWAL_beside(t *testing.T) {
	w := newWAL(t)
	defer w.read(t)()
	w.grow(t, 8)
	if _, err := w.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.commitsCopyAfter(t); got != 0 {
		t.Errorf("commits copy after %d pages, want never", got)
	}
}

// TestWAL_limit: SQLite itself cuts off a -wal that it begins anew.
func TestWAL_limit(t *testing.T) {
	w := newWAL(t)
	w.grow(t, 1+int(WALLimit/w.limit))
	if w.Bytes() <= WALLimit {
		t.Fatalf("the -wal has %d bytes", w.Bytes())
	}
	for range 3 {
		w.row(t, 1)
	}
	if got := w.Bytes(); got > WALLimit {
		t.Errorf("the -wal has %d bytes, of %d", got, WALLimit)
	}
}

type growing struct{ *WAL }

func newWAL(t *testing.T) growing {
	t.Helper()
	db, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "t.db"), Clock: NewClock(MachineTicks())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := growing{db.WAL()}
	w.limit = 1 << 20
	w.exec(t, `CREATE TABLE t (a BLOB)`)
	return w
}

// read begins to read, and goes on until it is told to end.
func (w growing) read(t *testing.T) (end func()) {
	t.Helper()
	rows, err := w.db.Read.QueryContext(t.Context(), `SELECT 1 FROM t UNION ALL SELECT 2`) //nolint:rowserrcheck // they are not read to the end
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	return func() { _ = rows.Close() }
}

// grow writes so many times the limit, in one transaction.
func (w growing) grow(t *testing.T, times int) { w.row(t, times*int(w.limit)) }

func (w growing) row(t *testing.T, size int) { w.exec(t, `INSERT INTO t VALUES (zeroblob(?1))`, size) }

func (w growing) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	tx, err := w.db.Begin(t.Context(), InTurn)
	if err == nil {
		_, err = tx.ExecContext(t.Context(), query, args...)
		err = errors.Join(err, tx.Commit())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w growing) commitsCopyAfter(t *testing.T) (pages int) {
	t.Helper()
	if err := w.db.Write.QueryRowContext(context.Background(), `PRAGMA wal_autocheckpoint`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	return pages
}
