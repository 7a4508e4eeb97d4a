package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
)

// fileLog is the write-ahead log (-wal) of a SQLite file and its index (-shm), known by what they
// are, as the file is. SQLite makes them when a file is first opened and removes them when nobody has
// it open any more: they stay the same while keep is open, whatever pools and other processes do.
type fileLog struct {
	pool       *sql.DB
	keep       *sql.Conn
	wal, index beside
	closed     atomic.Bool // who writes still may be the last, with whom the files go
}

// beside is a file beside the database; zero if there was none, as where the file system does not
// allow for a write-ahead log.
type beside struct {
	path   string
	opened fs.FileInfo
}

// keepLog opens the connection that stays until close, and remembers which files are beside the
// database.
func (f *file) keepLog(ctx context.Context, c preparingConnector) (err error) {
	l := &fileLog{pool: sql.OpenDB(c)}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.pool.Close())
		}
	}()
	if l.keep, err = l.pool.Conn(ctx); err != nil {
		return err
	}
	// SQLite opens the log with the first read.
	if _, err := l.keep.ExecContext(ctx, `SELECT COUNT(*) FROM sqlite_master`); err != nil {
		return errors.Join(err, l.keep.Close())
	}
	if l.wal, err = lookBeside(f.path + "-wal"); err == nil {
		l.index, err = lookBeside(f.path + "-shm")
	}
	if err != nil {
		return errors.Join(err, l.keep.Close())
	}
	f.log = l
	return nil
}

func lookBeside(path string) (beside, error) {
	opened, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return beside{}, nil
	case err != nil:
		return beside{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return beside{path: path, opened: opened}, nil
}

func (b beside) check() error {
	if b.opened == nil {
		return nil
	}
	now, err := os.Stat(b.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s is not there any more", ErrLogReplaced, b.path)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case !os.SameFile(b.opened, now):
		return fmt.Errorf("%w: %s is another file than the one that was opened", ErrLogReplaced, b.path)
	}
	return nil
}

func (l *fileLog) check() error {
	if l == nil || l.closed.Load() {
		return nil
	}
	if err := l.wal.check(); err != nil {
		return err
	}
	return l.index.check()
}

// save copies what was committed into the file, if its log was removed and nobody has made
// another: it is in no file that can be found any more.
func (f *file) save(ctx context.Context) error {
	_, looked := os.Stat(f.log.wal.path)
	if !errors.Is(looked, fs.ErrNotExist) || f.log.index.check() != nil {
		return nil //nolint:nilerr // there is nothing that may be done
	}
	_, _, err := checkpoint(ctx, f.log.keep, "FULL")
	return sqlite{}.translate(err)
}

// taken says whether others may write, or have written, without these connections knowing: there is
// another log than theirs, or the index was removed or replaced and the log was not. Were they closed, SQLite
// would copy what they know over what others have written, and remove the log. Left open until
// the process ends, they do no harm.
func (f *file) taken() bool {
	if f == nil {
		return false
	}
	if f.log.wal.check() == nil {
		return f.log.index.check() != nil
	}
	_, err := os.Stat(f.log.wal.path)
	return err == nil
}

// close closes the connection that keeps the log. It may be called again.
func (f *file) close() error {
	if f == nil || f.log.closed.Swap(true) {
		return nil
	}
	return errors.Join(f.log.keep.Close(), f.log.pool.Close())
}
