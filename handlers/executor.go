package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
)

// Executor does the work behind the steps. Real work plugs in here; Simulated stands
// in for it. Its methods are called from many goroutines at once.
type Executor interface {
	// Execute does the work of one step. An error means that the step has failed, and the order is
	// rolled back. ctx ends with the lease (cause domain.ErrFenced) or with the step's time limit.
	// Execute must return soon after; its error then is no failure of the step. Ask ctx.Err() before
	// every effect: after a pause of the process it knows of the end at once, while ctx.Done() may
	// be late.
	Execute(ctx context.Context, w Work) error
	// Compensate undoes what Execute did, or may have done, for the step. It must be safe
	// to repeat with the same Key. After an error it is tried again.
	Compensate(ctx context.Context, w Work) error
}

// Work is the work on one step of one order.
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

// ErrSimulated is the failure of a simulated step.
var ErrSimulated = errors.New("simulated failure")

// SimulatedConfig is how simulated work goes.
type SimulatedConfig struct {
	// StepDuration is how long a step takes.
	StepDuration time.Duration
	// CompensationDuration is how long undoing a step takes; no time by default.
	CompensationDuration time.Duration
	// FailureRate is the share of steps that fail, from 0 to 1.
	FailureRate float64
	// Seed chooses which steps fail. 0 is a seed like any other.
	Seed uint64
}

// Simulated is an executor that waits, and fails now and then. Whether a step fails is a
// function of seed, order and step, so that a run can be repeated and a step that is
// tried again has the same outcome.
type Simulated struct{ conf SimulatedConfig }

var _ Executor = (*Simulated)(nil)

// NewSimulated checks c: negative durations and rates outside 0..1 are of kind
// domain.ErrInvalid.
func NewSimulated(c SimulatedConfig) (*Simulated, error) {
	if c.StepDuration < 0 || c.CompensationDuration < 0 {
		return nil, fmt.Errorf("%w: durations of simulated work must not be negative (step %s, compensation %s)",
			domain.ErrInvalid, c.StepDuration, c.CompensationDuration)
	}
	if !(c.FailureRate >= 0 && c.FailureRate <= 1) { // not a number fails both
		return nil, fmt.Errorf("%w: a failure rate is from 0 to 1, not %v", domain.ErrInvalid, c.FailureRate)
	}
	return &Simulated{conf: c}, nil
}

// Execute takes StepDuration and then succeeds or fails. If ctx ends first, its error is
// the cause.
func (s *Simulated) Execute(ctx context.Context, w Work) error {
	if err := wait(ctx, s.conf.StepDuration); err != nil {
		return err
	}
	if s.draw(w) < s.conf.FailureRate {
		return fmt.Errorf("%w of %s", ErrSimulated, w.Step) // customers read it
	}
	return nil
}

// Compensate takes CompensationDuration and succeeds, unless ctx ends first.
func (s *Simulated) Compensate(ctx context.Context, _ Work) error {
	return wait(ctx, s.conf.CompensationDuration)
}

// draw is a number in [0, 1), evenly spread over orders and steps.
func (s *Simulated) draw(w Work) float64 {
	in := binary.BigEndian.AppendUint64(nil, s.conf.Seed)
	in = append(append(in, w.Order[:]...), w.Step...)
	sum := sha256.Sum256(in)
	const bits = 53 // of a float64's mantissa
	return float64(binary.BigEndian.Uint64(sum[:8])>>(64-bits)) / (1 << bits)
}

// wait takes d, or gives the cause of ctx's end if that comes first.
func wait(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		if ctx.Err() != nil { // the timer and ctx are late together after a pause of the process
			return context.Cause(ctx)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
