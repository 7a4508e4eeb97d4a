package handlers

import (
	"context"
	"encoding/json"

	"orderflow/domain"
)

// Executor does the work behind the steps. Real work plugs in here; Simulated stands
// in for it. Its methods are called from many goroutines at once.
type Executor interface {
	// Execute does the work of one step. An error means that the step has failed, and has
	// the order rolled back. ctx ends with the lease (cause domain.ErrFenced) or with the
	// step's time. Execute must return soon after; what it returns then is not taken
	// for a failure. Ask ctx.Err() before every effect: after a pause of the process it
	// tells of the end at once, and ctx.Done() may be late.
	Execute(ctx context.Context, w Work) error
	// Compensate undoes what Execute did, or may have done, for the step. It must be safe
	// to repeat with the same Key. After an error it is tried again.
	Compensate(ctx context.Context, w Work) error
}

// Work says what is to be done for one step of one order.
type Work struct {
	Order      domain.OrderID
	TrackingID string          // the customer's own name for the order, or empty
	Detail     json.RawMessage // what was ordered, or nil
	Step       domain.Step
	Attempt    int    // deliveries of the message that asks for the work, from 1
	Node       string // the node that works
	// Key is "<order>/<step>/execute" or "<order>/<step>/compensate". It is the same for
	// every attempt, so that an executor can make a repeat harmless.
	Key string
}

const (
	executing    = "execute"
	compensating = "compensate"
)

func key(id domain.OrderID, step domain.Step, what string) string {
	var b [64]byte
	k := append(append(id.Append(b[:0]), '/'), step...)
	return string(append(append(k, '/'), what...))
}
