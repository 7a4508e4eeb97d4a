package sqlitedb

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"syscall"

	lib "modernc.org/sqlite/lib"
)

// Access is what may be done to a SQLite file.
type Access int

// What may be done.
const (
	ToWrite    Access = iota
	ToRead            // others may write meanwhile
	ToReadCopy        // nobody may
)

// CopyIt is advice for a user who cannot read a file where it is.
const CopyIt = "copy it, with its -wal if there is one, to a folder that you may write to, or have its owner run this"

// query is what SQLite is told of it.
func (a Access) query() url.Values {
	switch a {
	case ToRead:
		return url.Values{"mode": {"ro"}}
	case ToReadCopy:
		return url.Values{"mode": {"ro"}, "immutable": {"1"}}
	}
	return url.Values{"mode": {"rw"}}
}

// AccessTo finds out how this user can read a file. A file that the user cannot write, and that has no
// -wal, counts as a copy that nobody writes to. Otherwise SQLite would have to make files beside it.
func AccessTo(path string, note func(string)) (Access, error) {
	err := try(path, os.O_RDWR)
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return ToWrite, nil // or what else is wrong shows when it is opened
	}
	if err := try(path, os.O_RDONLY); err != nil {
		return ToRead, fmt.Errorf("this user may not read the file: %w: %s", err, CopyIt)
	}
	if _, err := os.Stat(path + "-wal"); err == nil { // also an empty one: somebody may have it open
		note(path + " cannot be written by this user: it is read as it is, with its -wal")
		return ToRead, nil
	}
	note(path + " cannot be written by this user and has no -wal: it is read as a copy that nobody writes to")
	return ToReadCopy, nil
}

// try says whether a file can be opened. It stays open: see handles.
func try(path string, flag int) error {
	f, err := os.OpenFile(path, flag, 0) //nolint:gosec // the operator names it
	if err == nil {
		handles.Store(f, true)
	}
	return err
}

// IsReadOnly says whether SQLite could not make what it needs beside the file.
func IsReadOnly(err error) bool {
	c := code(err)
	return c == lib.SQLITE_READONLY || c == lib.SQLITE_CANTOPEN
}
