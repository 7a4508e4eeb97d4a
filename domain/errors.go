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
	// ErrCorrupt: stored data cannot be read back or contradicts the rules.
	ErrCorrupt = errors.New("corrupt")
	// ErrNewer: stored data is in a form that only a newer version of the program reads. It may be
	// right: this program cannot judge it, and leaves it to others.
	ErrNewer = errors.New("newer than this program")
)

// The rules of Decide, each of kind ErrRule. Those with a capital are returned by handlers too.
var (
	errAlreadyPlaced = rule("the order has been placed already")
	errNotPlaced     = rule("the order has not been placed")
	errEnded         = rule("the order has ended")
	ErrParked        = rule("the order is parked")
	errNotParked     = rule("the order is not parked")
	errOutOfTurn     = rule("it is not this step's turn")
	errStepRunning   = rule("an attempt of this step is open")
	errNotRunning    = rule("this attempt of the step is not open")
	errStaleAttempt  = rule("a later attempt of this step has been made")
	errRollingBack   = rule("the order is rolling back")
	ErrNotRolling    = rule("the order is not rolling back")
	errAsked         = rule("it has been asked for already, and the step that runs is waited for")
	errAskedNow      = rule("it has been asked for already, and the step that runs is being cut short")
)

type ruleError string

func rule(text string) error             { return ruleError(text) }
func (e ruleError) Error() string        { return string(e) }
func (e ruleError) Is(target error) bool { return target == ErrRule || target == error(e) }
