package schema

import (
	"errors"
	"fmt"
)

// The kinds of database error. A translated error wraps one of them and the
// driver's own.
var (
	// ErrDuplicateKey: a row with this key exists.
	ErrDuplicateKey = errors.New("duplicate key")
	// ErrTransient: the database gave this transaction up (deadlock, lock time-out, busy
	// file, snapshot conflict). Nothing of it was kept; it may be repeated.
	ErrTransient = errors.New("transaction given up by the database")
	// ErrBusy: a transaction that waits briefly (see DB.InTxBrief) met a row that another one has locked. It
	// is an ErrTransient too.
	ErrBusy = fmt.Errorf("%w: it would have waited too long for a row", ErrTransient)
	// ErrUnavailable: the database cannot be reached, or cannot write.
	ErrUnavailable = errors.New("database unavailable")
	// ErrBroken: the connection broke under a transaction. Unless the error is an ErrCommit
	// too, the server rolls it back. It is an ErrUnavailable too.
	ErrBroken = fmt.Errorf("%w: connection broken", ErrUnavailable)
	// ErrCommit: the commit failed; whether it took place is not known.
	ErrCommit = errors.New("commit failed")
	// ErrUnmet: a transaction of DB.InBatch was rolled back, since a question with Want did not find its rows.
	ErrUnmet = errors.New("the transaction was rolled back: rows are not as they were expected")
	// ErrTooLong: a transaction of DB.InBatch has more arguments than one round trip can have. Nothing was sent.
	ErrTooLong = errors.New("the transaction is too long for one round trip")
	// ErrRefused: a guard of the schema (trigger, check) refused the change.
	ErrRefused = errors.New("refused by the schema")
	// ErrStatement: a statement could not be run as it is written, for example since a table or index that
	// it names is not there. It says nothing about what is stored.
	ErrStatement = errors.New("statement that the database cannot run")
)

// MayPass says that an error may pass by itself: the database could not be reached, gave up what was asked, or did not
// say whether it committed.
func MayPass(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrTransient) || errors.Is(err, ErrCommit)
}

// Causes with names for people. Each is of one of the kinds above.
var (
	// ErrLocked: another process has held the SQLite file's one write lock for too long. It is an
	// ErrTransient.
	ErrLocked error = &cause{ErrTransient, "the database is locked by another process"}
	// ErrFull: there is no room left to write to. It is an ErrUnavailable, as are those below.
	ErrFull error = &cause{ErrUnavailable, "disk full"}
	// ErrReplaced: the path of the SQLite file no longer names the file that was opened. What
	// is written to that file is lost when the process ends.
	ErrReplaced error = &cause{ErrUnavailable, "the database file was removed or replaced"}
	// ErrLogReplaced: the path of the file's -wal or -shm no longer names the file that was opened. It
	// is an ErrReplaced.
	ErrLogReplaced error = &cause{ErrReplaced, "the write-ahead log of the database was removed or replaced"}
	// ErrDamaged: what is on the disk is not what the database wrote.
	ErrDamaged error = &cause{ErrUnavailable, "the database file is damaged"}
)

// cause is an error of a kind, with a name that may be shown to anybody. Other packages find the name
// by the method Cause.
type cause struct {
	kind error
	name string
}

func (c *cause) Error() string {
	kind := c.kind
	if wider, is := kind.(*cause); is { //nolint:errorlint // it is the kind itself that is asked for
		kind = wider.kind
	}
	return kind.Error() + ": " + c.name
}

// Unwrap gives the kind.
func (c *cause) Unwrap() error { return c.kind }

// Cause is the name.
func (c *cause) Cause() string { return c.name }

// translated wraps an error with its kind, if it has one and was not wrapped already.
func translated(err error, kindOf func(error) error) error {
	if err == nil {
		return nil
	}
	if kind := kindOf(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}
