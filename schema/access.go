package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"syscall"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// access is what may be done to a SQLite file.
type access int

const (
	toWrite    access = iota
	toRead            // others may write meanwhile
	toReadCopy        // nobody may
)

// copyIt is the way for those who cannot read a file where it is.
const copyIt = "copy it, with its -wal if there is one, to a folder that you may write to, or have its owner run this"

// query is what SQLite is told of it.
func (a access) query() url.Values {
	switch a {
	case toRead:
		return url.Values{"mode": {"ro"}}
	case toReadCopy:
		return url.Values{"mode": {"ro"}, "immutable": {"1"}}
	}
	return url.Values{"mode": {"rw"}}
}

// accessTo finds out how this user can read a file. One that it cannot write, and that has no -wal, is
// taken for a copy that nobody writes to: otherwise SQLite would need to make files beside it.
func accessTo(path string, note func(string)) (access, error) {
	err := try(path, os.O_RDWR)
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return toWrite, nil // or what else is wrong shows when it is opened
	}
	if err := try(path, os.O_RDONLY); err != nil {
		return toRead, fmt.Errorf("%w: this user may not read the file: %w: %s", ErrUnavailable, err, copyIt)
	}
	if _, err := os.Stat(path + "-wal"); err == nil { // also an empty one: somebody may have it open
		note(path + " cannot be written by this user: it is read as it is, with its -wal")
		return toRead, nil
	}
	note(path + " cannot be written by this user and has no -wal: it is read as a copy that nobody writes to")
	return toReadCopy, nil
}

// try says whether a file can be opened. It stays open: see handles.
func try(path string, flag int) error {
	f, err := os.OpenFile(path, flag, 0) //nolint:gosec // the operator names it
	if err == nil {
		handles.Store(f, true)
	}
	return err
}

// notWritable says whether SQLite could not make what it needs beside the file.
func notWritable(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && (e.Code()&0xff == lib.SQLITE_READONLY || e.Code()&0xff == lib.SQLITE_CANTOPEN) && !errors.Is(err, ErrReplaced)
}
