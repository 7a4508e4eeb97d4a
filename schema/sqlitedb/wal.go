package sqlitedb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	// walWait is how long writers may be kept waiting while the -wal is emptied.
	walWait = 20 * time.Millisecond
	// usualCheckpoint is after how many pages of the -wal a commit copies them, by SQLite's default.
	usualCheckpoint = 1000
)

// WAL keeps the write-ahead log of a SQLite file short. SQLite does so by itself until a
// reader stays: pages that were written after its snapshot cannot be copied into the file before
// it has ended, and the -wal grows. When it has, the next commit would copy all of them, and
// its caller and all behind it would wait. So while the -wal is long, commits copy nothing and
// Tend does, beside them. It is for one goroutine.
type WAL struct {
	db      *DB
	limit   int64
	beside  bool // commits copy nothing
	copied  int  // pages, at the last look
	stopped time.Time
}

// WALState is how the write-ahead log stands.
type WALState struct {
	Bytes int64 // of the -wal
	// Held is since when a reader keeps the -wal from being copied, as far as is known; zero if
	// none does.
	Held time.Time
}

// WAL gives what keeps the write-ahead log short.
func (db *DB) WAL() *WAL { return &WAL{db: db, limit: WALLimit} }

// Bytes is the size of the write-ahead log; 0 where there is none. It asks the file system only.
func (w *WAL) Bytes() int64 {
	info, err := os.Stat(w.db.file.path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// Tend looks at the size of the -wal and, if it is above the limit, copies what it holds into
// the file and cuts it off, as far as readers allow. It is to be called every second or so. If the
// file was removed or replaced, it does nothing; if the -wal was, it copies what was committed into the
// file: ReplacedError.
func (w *WAL) Tend(ctx context.Context) (WALState, error) {
	if err := w.db.file.check(); err != nil {
		var replaced *ReplacedError
		if errors.As(err, &replaced) && replaced.Log {
			err = errors.Join(err, w.db.file.save(ctx))
		}
		return WALState{}, err
	}
	s := WALState{Bytes: w.Bytes()}
	if s.Bytes <= w.limit && !w.beside {
		w.stopped = time.Time{}
		return s, nil
	}
	err := w.shorten(ctx, s.Bytes > w.limit)
	s.Bytes, s.Held = w.Bytes(), w.stopped
	return s, err
}

func (w *WAL) shorten(ctx context.Context, long bool) (err error) {
	conn, err := w.db.once.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout(%d)", walWait.Milliseconds())); err != nil {
		return err
	}
	if long && !w.beside {
		if err := w.copyInCommits(ctx, 0); err != nil {
			return err
		}
		w.beside = true
	}
	pages, copied, err := checkpoint(ctx, conn, "PASSIVE")
	if err != nil {
		return err
	}
	w.note(pages, copied)
	if copied < 0 || pages-copied > usualCheckpoint { // another process copies, or a reader or much writing leaves too much to do
		return nil
	}
	// SQLite has the disk write what it copied only now, while writers wait: better before.
	if err := w.db.file.sync(); err != nil {
		return err
	}
	// What is left takes a moment. It may fail for want of one; SQLite cuts the -wal off to the
	// limit when it begins it anew.
	if _, _, err := checkpoint(ctx, conn, "TRUNCATE"); err != nil {
		return err
	}
	if err := w.copyInCommits(ctx, usualCheckpoint); err != nil {
		return err
	}
	w.beside = false
	return nil
}

// note finds out whether a reader keeps pages from being copied: there are some, and no more
// have been copied than at the last look.
func (w *WAL) note(pages, copied int) {
	switch {
	case copied < 0:
		return
	case pages <= copied || copied != w.copied:
		w.stopped = time.Time{}
	case w.stopped.IsZero():
		w.stopped = time.Now()
	}
	w.copied = copied
}

// copyInCommits says after how many pages commits copy them; 0 for never.
func (w *WAL) copyInCommits(ctx context.Context, pages int) error {
	_, err := w.db.Write.ExecContext(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint(%d)", pages))
	return err
}
