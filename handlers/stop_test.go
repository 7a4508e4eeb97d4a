package handlers

import (
	"context"
	"errors"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
)

// TestSteps_Stop cuts work short: the log says that the node was stopped, and nothing is counted.
func TestSteps_Stop(t *testing.T) {
	const stopped = "node n1 was stopped before the step had finished"
	for how, result := range map[string]error{"its cause": errStopped, "an error of its own": errors.New("broken pipe")} {
		t.Run("while the executor works, which returns "+how, func(t *testing.T) {
			b := newBench(t)
			b.exec.execute = func(ctx context.Context, _ Work) error {
				b.steps.Stop()
				<-ctx.Done()
				return result
			}
			lease, err := b.deliver(t.Context())
			if err != nil || !lease.settled {
				t.Errorf("err = %v, settled %v; want nil, true", err, lease.settled)
			}
			b.wantLog(1, "started Scheduling 1 n1", "interrupted Scheduling 1: "+stopped)
			if waits := b.heldBy(""); len(waits) != 1 || waits[0].interruptions != 0 {
				t.Errorf("%d messages wait; want one, not counted as interrupted", len(waits))
			}
			if n := b.steps.Interrupted(); n != 1 {
				t.Errorf("%d interruptions are counted, want 1", n)
			}
		})
	}
	t.Run("what was done by then counts", func(t *testing.T) {
		b := newBench(t)
		b.exec.execute = func(context.Context, Work) error {
			b.steps.Stop()
			return nil
		}
		b.must(1)
		b.wantLog(1, "started Scheduling 1 n1", "completed Scheduling 1")
	})
	t.Run("before the work begins", func(t *testing.T) {
		b := newBench(t)
		b.steps.Stop()
		if _, err := b.deliver(t.Context()); err != nil {
			t.Error(err)
		}
		b.wantLog(1, "started Scheduling 1 n1", "interrupted Scheduling 1: "+stopped)
		if n := len(b.exec.executed); n != 0 {
			t.Errorf("executed %d times, want never", n)
		}
	})
	t.Run("while a step is compensated", func(t *testing.T) {
		b := newBench(t)
		b.exec.execute = func(context.Context, Work) error { return errors.New("no") }
		b.must(1)
		b.exec.compensate = func(ctx context.Context, _ Work) error {
			b.steps.Stop()
			<-ctx.Done()
			return context.Cause(ctx)
		}
		if _, err := b.deliver(t.Context()); err != nil {
			t.Error(err)
		}
		if waits := b.heldBy(""); len(waits) != 1 || waits[0].interruptions != 0 || b.returned != "node n1 was stopped before the compensation had finished" {
			t.Errorf("%d messages wait (%s); want one, not counted as interrupted", len(waits), b.returned)
		}
	})
}

// TestSteps_Handler_unended: what is said of an attempt without an end is what is known.
func TestSteps_Handler_unended(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*bench, *hand)
		want string
	}{
		"the registration expired": {
			end:  func(b *bench, l *hand) { b.lose(l) },
			want: "the lease of node n0 expired",
		},
		"the registration was released": {
			end:  func(b *bench, l *hand) { b.leave(l, work.Owner{Node: "n0", Stopped: true}) },
			want: "node n0 was stopped before the step had finished",
		},
		"the message was given back": {
			end:  func(b *bench, l *hand) { b.ended(l, errNacked) },
			want: "the attempt on node n0 ended without an outcome",
		},
		"another node had the message in between": {
			end: func(b *bench, l *hand) {
				b.ended(l, errNacked)
				_, other := b.claim("n9", 1)
				b.lose(other)
			},
			want: "the attempt on node n0 ended without an outcome",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			_, lease := b.claim("n0", 1)
			b.append(lease, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n0"})
			c.end(b, lease)
			if _, err := b.deliver(t.Context()); err != nil {
				t.Fatal(err)
			}
			o := b.order(b.id)
			events, err := b.Load(t.Context(), o.ID)
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := events[2].Event.(domain.StepInterrupted); !ok || e.Node != "n0" || e.Reason != c.want {
				t.Errorf("the third event is %+v, want the interruption of n0: %s", events[2].Event, c.want)
			}
			if b.steps.Interrupted() != 1 {
				t.Errorf("%d interruptions are counted, want 1", b.steps.Interrupted())
			}
		})
	}
}
