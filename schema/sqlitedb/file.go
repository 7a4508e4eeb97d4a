package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
)

// ReplacedError says that a path no longer names the file that was opened. What is written to that
// file is lost when the process ends.
type ReplacedError struct {
	Path string
	Log  bool // it is the path of the write-ahead log (-wal) or of its index (-shm)
	gone bool
}

func (e *ReplacedError) Error() string {
	if e.gone {
		return e.Path + " is not there any more"
	}
	return e.Path + " is another file than the one that was opened"
}

// known is a file known by what it is (device and inode), and not by its path alone: a file that is
// removed or replaced stays open for those who have it. The zero value is no file.
type known struct {
	path   string
	opened fs.FileInfo
}

func know(path string) (known, error) {
	opened, err := os.Stat(path)
	return known{path, opened}, err
}

// knowIfThere gives the zero value where there is no file.
func knowIfThere(path string) (known, error) {
	k, err := know(path)
	if errors.Is(err, fs.ErrNotExist) {
		return known{}, nil
	}
	return k, err
}

func (k known) check() error {
	if k.opened == nil {
		return nil
	}
	now, err := os.Stat(k.path)
	switch gone := errors.Is(err, fs.ErrNotExist); {
	case gone, err == nil && !os.SameFile(k.opened, now):
		return &ReplacedError{Path: k.path, gone: gone}
	default:
		return err
	}
}

// file is the SQLite file that a DB works on, with its write-ahead log (-wal) and the index of that
// (-shm). SQLite makes the two when the file is first opened, and removes them when nobody has it open any
// more: they stay the same while the connection keep is open, whatever pools and other processes do.
type file struct {
	known
	handle *os.File // of sync; nil before the first

	wal, index known // zero where the file system does not allow for a write-ahead log
	pool       *sql.DB
	keep       *sql.Conn
	closed     atomic.Bool // whoever still writes may be the last, with whom the log goes
}

// handles are never closed: with any of a file that this process closes, it would lose its locks on
// that file (https://www.sqlite.org/howtocorrupt.html, 2.2).
var handles sync.Map

// openFile makes the file if there is none, and remembers which one it is. A file that is
// there is only looked at: see handles.
func openFile(path string) (*file, error) {
	made, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names it
	if err == nil {
		if err := made.Close(); err != nil {
			return nil, err
		}
	}
	k, err := know(path)
	return &file{known: k}, err
}

// keepLog opens the connection that stays until close, and remembers which files are beside the
// database.
func (f *file) keepLog(ctx context.Context, pool *sql.DB) (err error) {
	f.pool = pool
	defer func() {
		if err != nil {
			err = errors.Join(err, f.pool.Close())
		}
	}()
	if f.keep, err = f.pool.Conn(ctx); err != nil {
		return err
	}
	// SQLite opens the log with the first read.
	_, err = f.keep.ExecContext(ctx, `SELECT COUNT(*) FROM sqlite_master`)
	if err == nil {
		f.wal, err = knowIfThere(f.path + "-wal")
	}
	if err == nil {
		f.index, err = knowIfThere(f.path + "-shm")
	}
	if err != nil {
		return errors.Join(err, f.keep.Close())
	}
	return nil
}

// check looks whether the file and its log are the ones that were opened. A nil file is in memory.
func (f *file) check() error {
	if f == nil {
		return nil
	}
	err := f.known.check()
	if err != nil || f.closed.Load() {
		return err
	}
	if err = f.wal.check(); err == nil {
		err = f.index.check()
	}
	var replaced *ReplacedError
	if errors.As(err, &replaced) {
		replaced.Log = true
	}
	return err
}

// sync flushes the file to the disk. It is for one goroutine.
func (f *file) sync() (err error) {
	if f.handle == nil {
		if f.handle, err = os.Open(f.path); err != nil {
			return err
		}
		handles.Store(f.handle, true)
	}
	return f.handle.Sync()
}

// save copies committed transactions into the file, if its log was removed and nobody has made another.
// No path leads to the removed log any more.
func (f *file) save(ctx context.Context) error {
	if _, err := os.Stat(f.wal.path); !errors.Is(err, fs.ErrNotExist) || f.index.check() != nil {
		return nil //nolint:nilerr // there is nothing that may be done
	}
	_, _, err := checkpoint(ctx, f.keep, "FULL")
	return err
}

// checkpoint gives how many pages the -wal has and how many of them are in the file now;
// -1 if another connection is copying.
func checkpoint(ctx context.Context, conn *sql.Conn, mode string) (pages, copied int, err error) {
	var busy int
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &copied)
	return pages, copied, err
}

// taken says whether other processes may have written without these connections knowing: the path has
// another log than theirs, or the index was removed or replaced and the log was not. If these connections
// were closed, SQLite would copy their log over what the others have written, and remove the log. Left
// open until the process ends, they do no harm.
func (f *file) taken() bool {
	if f.wal.check() == nil {
		return f.index.check() != nil
	}
	_, err := os.Stat(f.wal.path)
	return err == nil
}

// close closes the connection that keeps the log. It may be called again.
func (f *file) close() error {
	if f.closed.Swap(true) {
		return nil
	}
	return errors.Join(f.keep.Close(), f.pool.Close())
}
