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
	// ErrUnavailable: the database cannot be reached, or cannot write.
	ErrUnavailable = errors.New("database unavailable")
	// ErrBroken: the connection broke under a transaction. Unless the error is an ErrCommit
	// too, the server rolls it back. It is an ErrUnavailable too.
	ErrBroken = fmt.Errorf("%w: connection broken", ErrUnavailable)
	// ErrCommit: the commit failed; whether it took place is not known.
	ErrCommit = errors.New("commit failed")
	// ErrRefused: a guard of the schema (trigger, check) refused the change.
	ErrRefused = errors.New("refused by the schema")
)
