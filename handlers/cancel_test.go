package handlers

import (
	"context"
	"errors"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
)

// asks is what an operator appends.
var asks = domain.Cancel{Reason: "unwanted"}

// cancelled says that the order was rolled back as far as it had come, the last step first, and has ended.
func (b *bench) cancelled(from int, steps ...domain.Step) {
	b.t.Helper()
	var want []string
	for i := len(steps) - 1; i >= 0; i-- {
		want = append(want, "rolled back "+string(steps[i]))
	}
	b.wantLog(from, append(want, "OrderCancelled")...)
	b.wantDone()
	if n := len(b.letters()); n != 0 {
		b.t.Errorf("%d dead letters", n)
	}
	if n := len(b.exec.undone); n != len(steps) {
		b.t.Errorf("compensated %d times, want once for each of %d steps", n, len(steps))
	}
}

// TestSteps_Handler_cancel: whatever ends the step that runs when it is asked for, the order is rolled back then, in the
// unit that ends its message.
func TestSteps_Handler_cancel(t *testing.T) {
	for name, c := range map[string]struct {
		execute func(*bench) error
		ended   string
	}{
		"the step completes": {func(*bench) error { return nil }, "completed Scheduling 1"},
		"the step fails":     {func(*bench) error { return errors.New("no") }, "failed Scheduling 1: no"},
		"the step panics":    {func(*bench) error { panic("bug") }, "interrupted Scheduling 1: panic: bug"},
		"the node is stopped": {func(b *bench) error { b.steps.Stop(); return errStopped },
			"interrupted Scheduling 1: node n1 was stopped before the step had finished"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(c *StepsConfig) { c.MaxInterruptions = 1 })
			b.exec.execute = func(context.Context, Work) error {
				b.append(nil, asks)
				return c.execute(b)
			}
			msg, lease := b.claim("n1", 1)
			lease.may = always
			if err := b.handle(t.Context(), lease, msg); err != nil || !lease.settled || lease.next != nil {
				t.Fatalf("err %v, settled %v, passed on to %+v", err, lease.settled, lease.next)
			}
			b.wantLog(1, "started Scheduling 1 n1", "OrderCancelRequested", c.ended)
			if waits := b.heldBy(""); len(waits) != 1 || waits[0].topic != work.TopicRollback || waits[0].interruptions != 0 {
				t.Fatalf("%d messages wait, want that of the rollback alone", len(waits))
			}
			if b.steps.stopped.Err() != nil {
				return
			}
			b.must(1)
			b.cancelled(4, domain.Scheduling)
		})
	}
	t.Run("the last step completes", func(t *testing.T) {
		b := newBench(t)
		b.exec.execute = func(_ context.Context, w Work) error {
			if w.Step == domain.PostProcessing {
				b.append(nil, asks)
			}
			return nil
		}
		b.along(always)
		b.must(1)
		b.wantLog(8, append([]string{"OrderCancelRequested", "completed PostProcessing 1"}, b.log()[10:]...)...)
		b.cancelled(10, domain.Steps()...)
	})
}

// TestSteps_Handler_cancelRace: the request comes between a decision to go on and its append.
func TestSteps_Handler_cancelRace(t *testing.T) {
	t.Run("with the next step", func(t *testing.T) {
		b := newBench(t)
		b.fail(fault{}, fault{hook: func() { b.append(nil, asks) }})
		if got := b.along(always); len(got) != 1 {
			t.Errorf("handled %q, want the first step alone", got)
		}
		b.wantLog(1, "started Scheduling 1 n1", "OrderCancelRequested", "completed Scheduling 1")
		b.must(1)
		b.cancelled(4, domain.Scheduling)
	})
	t.Run("with a message that was claimed", func(t *testing.T) {
		b := newBench(t)
		b.must(1)
		msg, lease := b.claim("n1", 1)
		b.append(nil, asks)
		err := b.handle(t.Context(), lease, msg)
		b.ended(lease, err)
		if err != nil || lease.settled {
			t.Fatalf("err %v, settled %v; want the message dropped", err, lease.settled)
		}
		b.must(1)
		b.cancelled(4, domain.Scheduling)
	})
	t.Run("with the record of a compensation", func(t *testing.T) { // which turned the order round before
		b := rollingBack(t)
		b.fail(fault{hook: func() {
			if _, err := work.Prepare(new(b.order(b.id)), domain.Metadata{}, asks); !errors.Is(err, domain.ErrRule) {
				t.Errorf("err = %v, want a rule", err)
			}
		}})
		b.must(1)
		b.wantLog(beforeRollback, rolledBack...)
	})
}

// TestSteps_Handler_cancelLater: nothing runs when it is asked for.
func TestSteps_Handler_cancelLater(t *testing.T) {
	t.Run("pending", func(t *testing.T) {
		b := newBench(t)
		b.append(nil, asks)
		b.wantLog(1, "OrderCancelRequested", "OrderCancelled")
		b.dropped()
		b.cancelled(2+1-1, []domain.Step{}...)
	})
	t.Run("between two steps", func(t *testing.T) {
		b := newBench(t)
		b.must(2)
		b.append(nil, asks)
		b.must(1) // the rollback goes first
		b.dropped()
		b.cancelled(6, domain.Scheduling, domain.PreProcessing)
	})
	t.Run("after an interruption", func(t *testing.T) { // which may have had effects
		b := newBench(t)
		b.must(1)
		b.exec.execute = func(context.Context, Work) error { panic("bug") }
		b.must(1)
		b.append(nil, asks)
		b.must(1)
		b.dropped()
		b.cancelled(6, domain.Scheduling, domain.PreProcessing)
	})
	t.Run("parked", func(t *testing.T) {
		b := newBench(t)
		for range 3 {
			b.died()
		}
		b.must(1)
		b.dead = nil // as who asks removes the letter
		b.append(nil, asks)
		b.must(1)
		b.cancelled(9, domain.Scheduling)
	})
	t.Run("parked, and failed instead", func(t *testing.T) {
		b := newBench(t)
		for range 3 {
			b.died()
		}
		b.must(1)
		b.append(nil, domain.Fail{Reason: "hopeless"})
		b.must(1)
		b.wantLog(8, "OrderFailRequested", "rolled back Scheduling", "order failed at Scheduling: hopeless")
		b.wantDone()
	})
}

// TestSteps_Handler_cancelLost: the node that runs the step is lost. Whoever takes the order over starts nothing and parks
// nothing, however often the message was interrupted.
func TestSteps_Handler_cancelLost(t *testing.T) {
	for _, times := range []int{1, 3} {
		b := newBench(t)
		for range times {
			b.died()
		}
		at := len(b.log())
		b.append(nil, asks)
		b.must(1)
		b.wantLog(at, "OrderCancelRequested", b.log()[at+1])
		if e := b.log()[at+1]; len(b.log()) != at+2 || e[:len("interrupted")] != "interrupted" {
			t.Fatalf("after the request comes %q, want the interruption alone", b.log()[at+1:])
		}
		if n := len(b.exec.executed); n != 0 {
			t.Errorf("executed %d times, want never", n)
		}
		b.must(1)
		b.cancelled(at+2, domain.Scheduling)
	}
	t.Run("the answer to that is lost", func(t *testing.T) {
		b := newBench(t)
		b.died()
		b.append(nil, asks)
		b.fail(fault{after: domain.ErrUnavailable})
		if _, err := b.deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.must(1)
		b.cancelled(4, domain.Scheduling)
	})
}

// TestSteps_Cut: the step that runs is interrupted for the operator, and the order rolled back. A compensation is not.
func TestSteps_Cut(t *testing.T) {
	const said = "interrupted Scheduling 1: cut short by operator:ann, who cancels the order: fire"
	cuts := map[domain.OrderID]work.Control{{1}: {Kind: work.ControlCut, Actor: "operator:ann", Reason: "fire"}}
	for how, result := range map[string]error{"its cause": nil, "an error of its own": errors.New("broken pipe")} {
		t.Run("the executor returns "+how, func(t *testing.T) {
			b := newBench(t)
			b.exec.execute = func(ctx context.Context, _ Work) error {
				b.steps.Cut(map[domain.OrderID]work.Control{{2}: {}}) // another order
				if ctx.Err() != nil {
					t.Error("it was cut short for another order")
				}
				b.append(nil, domain.Cancel{Reason: "fire", Now: true})
				b.steps.Cut(cuts)
				<-ctx.Done()
				if result != nil {
					return result
				}
				return context.Cause(ctx)
			}
			b.must(1)
			b.wantLog(1, "started Scheduling 1 n1", "OrderCancelRequested", said)
			b.exec.compensate = func(ctx context.Context, _ Work) error {
				b.steps.Cut(cuts)
				return ctx.Err()
			}
			b.must(1)
			b.cancelled(4, domain.Scheduling)
			if n := len(b.steps.running.all); n != 0 {
				t.Errorf("%d attempts are still under way", n)
			}
		})
	}
}
