package domain

import "errors"

// The kinds of error. Every error that crosses a package boundary wraps one of them,
// and one table in the HTTP API turns a kind into a status code.
var (
	// ErrInvalid: the input is malformed; repeating it cannot succeed.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound: there is no such order.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the stream has moved on since it was read; load it and decide again.
	ErrConflict = errors.New("version conflict")
	// ErrDuplicate: the tracking id or idempotency key already names an order (see DuplicateError).
	ErrDuplicate = errors.New("duplicate")
	// ErrFenced: the lease is no longer held by this node, epoch and attempt; drop the work.
	ErrFenced = errors.New("lease lost")
	// ErrRule: a rule of the domain forbids the command in the order's present state.
	ErrRule = errors.New("not allowed")
	// ErrUnavailable: the database cannot answer now; trying again later may succeed.
	ErrUnavailable = errors.New("unavailable")
	// ErrCorrupt: what is stored cannot be read back or contradicts the rules.
	ErrCorrupt = errors.New("corrupt")
	// ErrNewer: what is stored is in a form that a newer version of the program writes. It may be
	// right: this program can neither use nor judge it, and leaves it to others.
	ErrNewer = errors.New("newer than this program")
)

// The rules of Decide, each of kind ErrRule.
var (
	ErrAlreadyPlaced = rule("the order has been placed already")
	ErrNotPlaced     = rule("the order has not been placed")
	ErrEnded         = rule("the order has ended")
	ErrParked        = rule("the order is parked")
	ErrNotParked     = rule("the order is not parked")
	ErrOutOfTurn     = rule("it is not this step's turn")
	ErrStepRunning   = rule("an attempt of this step is open")
	ErrNotRunning    = rule("this attempt of the step is not open")
	ErrStaleAttempt  = rule("a later attempt of this step has been made")
	ErrRollingBack   = rule("the order is rolling back")
	ErrNotRolling    = rule("the order is not rolling back")
)

type ruleError string

func rule(text string) error             { return ruleError(text) }
func (e ruleError) Error() string        { return string(e) }
func (e ruleError) Is(target error) bool { return target == ErrRule || target == error(e) }

// DuplicateError says that an order with the same tracking id or idempotency key
// exists. It is of kind ErrDuplicate.
type DuplicateError struct {
	// OrderID is the order that holds the key.
	OrderID OrderID
	// Key is the key that was found taken.
	Key string
	// Same says that the earlier request had the same content, so that this one is a repeat.
	Same bool
}

func (e *DuplicateError) Error() string {
	if e.Same {
		return "the order " + e.OrderID.String() + " was placed with this key already"
	}
	return "the order " + e.OrderID.String() + " was placed with this key and other content"
}

// Is makes a DuplicateError an ErrDuplicate.
func (e *DuplicateError) Is(target error) bool { return target == ErrDuplicate }
