package handlers

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain/work"
)

// TestSteps_Handler_pausedAtWork has the process go on after a pause, with the work's turn
// before that of the timer that ends its context: the executor is told by the clock, and
// what it says all the same is not recorded.
func TestSteps_Handler_pausedAtWork(t *testing.T) {
	var over atomic.Bool
	b := newBench(t, func(c *StepsConfig) { c.Trusted = func(work.Lease) bool { return !over.Load() } })
	var before, after error
	b.exec.execute = func(ctx context.Context, _ Work) error {
		before = ctx.Err()
		over.Store(true)
		after = ctx.Err()
		return nil
	}
	if _, err := b.deliver(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("the handler returned %v, want context.Canceled", err)
	}
	if before != nil || !errors.Is(after, context.Canceled) {
		t.Errorf("before the lease's end the executor's context says %v, after it %v", before, after)
	}
	b.wantLog(1, "started Scheduling 1 n1")
}

// TestSteps_Handler_pausedBeforeWork has the pause come when the attempt has just been
// recorded as started.
func TestSteps_Handler_pausedBeforeWork(t *testing.T) {
	var over atomic.Bool
	b := newBench(t, func(c *StepsConfig) { c.Trusted = func(work.Lease) bool { return !over.Load() } })
	b.fail(fault{hook: func() { over.Store(true) }})
	if _, err := b.deliver(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("the handler returned %v, want context.Canceled", err)
	}
	b.wantLog(1, "started Scheduling 1 n1")
	if n := len(b.exec.executed); n != 0 {
		t.Errorf("the executor was called %d times, want not at all", n)
	}
}

func TestSteps_Handler_pausedCompensating(t *testing.T) {
	var over atomic.Bool
	b := rollingBack(t, func(c *StepsConfig) { c.Trusted = func(work.Lease) bool { return !over.Load() } })
	events := len(b.log())
	var told error
	b.exec.compensate = func(ctx context.Context, _ Work) error {
		over.Store(true)
		told = ctx.Err()
		return nil
	}
	if _, err := b.deliver(t.Context()); !errors.Is(err, context.Canceled) || !errors.Is(told, context.Canceled) {
		t.Errorf("the handler returned %v and the executor was told %v, want context.Canceled twice", err, told)
	}
	b.wantLog(events)
}

// TestSimulated_Execute_late has the time of the work and the end of its context come at
// the same moment, as they do after a pause.
func TestSimulated_Execute_late(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := NewSimulated(SimulatedConfig{StepDuration: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ctx := &watchful{Context: t.Context(), trusted: func() bool { return time.Since(began) < time.Second }}
		if err := s.Execute(ctx, Work{}); !errors.Is(err, context.Canceled) {
			t.Errorf("work that ended with its lease says %v, want context.Canceled", err)
		}
	})
}
