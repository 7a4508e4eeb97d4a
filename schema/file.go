package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// file is the SQLite file that a DB works on, known by what it is (device and inode) and not
// by its path alone: a file that is removed or replaced stays open for those who have it.
type file struct {
	path   string
	opened fs.FileInfo
	handle *os.File // of sync; nil before the first
	log    *fileLog // nil before the first connection
}

// handles are never closed: with any of a file that this process closes, it would lose its locks on
// that file (https://www.sqlite.org/howtocorrupt.html, 2.2).
var handles sync.Map

// openFile makes the file if there is none, and remembers which one it is. A file that is
// there is only looked at: were it opened and closed, this process would lose its locks on it
// (https://www.sqlite.org/howtocorrupt.html, 2.2).
func openFile(path string) (*file, error) {
	made, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names it
	if err == nil {
		opened, err := made.Stat()
		return &file{path: path, opened: opened}, errors.Join(err, made.Close())
	}
	opened, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return &file{path: path, opened: opened}, nil
}

// sync has the disk write what is in the file. It is for one goroutine.
func (f *file) sync() (err error) {
	if f.handle == nil {
		if f.handle, err = os.Open(f.path); err != nil {
			return err
		}
		handles.Store(f.handle, true)
	}
	return f.handle.Sync()
}

// check gives an ErrReplaced if the path names another file now, or none, and an ErrLogReplaced if
// that is so of its log. It costs some microseconds. Without a file, as on SQL Server, all is well.
func (f *file) check() error {
	if f == nil {
		return nil
	}
	now, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s is not there any more", ErrReplaced, f.path)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case !os.SameFile(f.opened, now):
		return fmt.Errorf("%w: %s is another file than the one that was opened", ErrReplaced, f.path)
	}
	return f.log.check()
}
