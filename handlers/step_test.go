package handlers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"orderflow/domain"
	"orderflow/domain/work"
)

func TestSteps_Handler_flow(t *testing.T) {
	b := newBench(t)
	b.must(domain.StepCount)
	b.wantLog(0, "OrderPlaced",
		"started Scheduling 1 n1", "completed Scheduling 1", "started PreProcessing 1 n1", "completed PreProcessing 1",
		"started Processing 1 n1", "completed Processing 1", "started PostProcessing 1 n1", "completed PostProcessing 1", "OrderCompleted")
	b.wantDone()
	first := b.exec.executed[0]
	if first.Order != b.id || first.TrackingID != "t-1" || string(first.Detail) != `{"n":1}` || first.Attempt != 1 || first.Node != "n1" {
		t.Errorf("the executor was asked for %+v", first)
	}
	if want := b.id.String() + "/Scheduling/execute"; first.Key != want {
		t.Errorf("key %q, want %q", first.Key, want)
	}
}

func TestSteps_Handler_metadata(t *testing.T) {
	b := newBench(t)
	b.must(2)
	events, err := b.Load(t.Context(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	// Event 4 is the start of the second step: its message was caused by event 3.
	want := domain.Metadata{Schema: 1, Actor: "worker", Node: "n1", Attempt: 1, CorrelationID: "request-1", CausationID: domain.EventID(b.id, 3), TraceParent: "00-trace"}
	for _, i := range []int{3, 4} {
		if got := events[i].Metadata; got != want {
			t.Errorf("event %d has metadata %+v, want %+v", i+1, got, want)
		}
	}
}

func TestSteps_Handler_takeOver(t *testing.T) {
	b := newBench(t)
	b.died()
	b.must(1)
	b.wantLog(1, "started Scheduling 1 n0", "interrupted Scheduling 1: the lease of node n0 expired", "started Scheduling 2 n1", "completed Scheduling 2")
	if n := len(b.exec.executed); n != 1 {
		t.Errorf("executed %d times, want once", n)
	}

	t.Run("in one unit with the next start", func(t *testing.T) {
		b := newBench(t)
		b.died()
		b.fail(fault{before: domain.ErrInvalid}) // the first append is refused: neither event may be there
		if _, err := b.deliver(t.Context()); !errors.Is(err, domain.ErrInvalid) {
			t.Fatalf("err = %v, want ErrInvalid", err)
		}
		b.wantLog(1, "started Scheduling 1 n0")
	})
}

func TestSteps_Handler_sameKey(t *testing.T) {
	b := newBench(t)
	b.exec.execute = func(context.Context, Work) error { panic("once") }
	b.must(1)
	b.exec.succeed()
	b.must(1)
	first, second := b.exec.executed[0], b.exec.executed[1]
	if first.Key != second.Key {
		t.Errorf("keys %q and %q differ between attempts", first.Key, second.Key)
	}
	if first.Attempt != 1 || second.Attempt != 2 {
		t.Errorf("attempts %d and %d, want 1 and 2", first.Attempt, second.Attempt)
	}
}

func TestSteps_Handler_park(t *testing.T) {
	b := newBench(t)
	for range 3 {
		b.died()
	}
	b.must(1)
	reason := "interrupted 3 times; the last time: the lease of node n0 expired"
	b.wantLog(6, "interrupted Scheduling 3: the lease of node n0 expired", "parked at Scheduling: "+reason)
	b.wantDone()
	if got := b.letters(); len(got) != 1 || got[0].reason != reason {
		t.Errorf("dead letters %+v, want one with reason %q", got, reason)
	}
	if n := len(b.exec.executed); n != 0 {
		t.Errorf("executed %d times, want never", n)
	}

	t.Run("not before", func(t *testing.T) {
		b := newBench(t)
		b.died()
		b.died()
		b.must(1)
		if o := b.order(b.id); o.Step(domain.Scheduling).Status != domain.StepStatusCompleted {
			t.Errorf("after two interruptions the step is %s", o.Step(domain.Scheduling).Status)
		}
	})
	t.Run("after another limit", func(t *testing.T) {
		b := newBench(t, func(c *StepsConfig) { c.MaxInterruptions = 1 })
		b.died()
		b.must(1)
		if o := b.order(b.id); !o.Parked {
			t.Errorf("after one interruption the order is %s", o.Status())
		}
	})
	t.Run("blocks no other order", func(t *testing.T) {
		b := newBench(t, func(c *StepsConfig) { c.MaxInterruptions = 1 })
		b.died()
		other := domain.OrderID{2}
		b.place(other)
		b.must(1 + domain.StepCount)
		if o := b.order(other); o.Status() != domain.StatusCompleted {
			t.Errorf("the other order is %s", o.Status())
		}
	})
}

func TestSteps_Handler_stale(t *testing.T) {
	start := domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n0"}
	done := domain.CompleteStep{Step: domain.Scheduling, Attempt: 1}
	failed := domain.FailStep{Step: domain.Scheduling, Attempt: 1, Error: "no"}
	for name, commands := range map[string][]domain.Command{
		"the step is completed":         {start, done},
		"the order rolls back":          {start, failed},
		"the order has ended":           {start, failed, domain.RollBackStep{Step: domain.Scheduling}},
		"the order is parked":           {domain.Park{Reason: "by hand"}},
		"a later attempt is open":       {domain.StartStep{Step: domain.Scheduling, Attempt: 7, Node: "n0"}},
		"a later attempt was closed":    {domain.StartStep{Step: domain.Scheduling, Attempt: 7, Node: "n0"}, domain.InterruptStep{Step: domain.Scheduling, Attempt: 7}},
		"and was interrupted too often": {start, done},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.append(nil, commands...)
			before := b.log()
			msg, lease := b.claim("n1", 1)
			for lease.Topic != work.StepTopic(domain.Scheduling) { // a follow-up is served first
				msg, lease = b.claim("n1", 1)
			}
			if name == "and was interrupted too often" {
				lease.Interruptions = 99
			}
			if err := b.handle(t.Context(), lease, msg); err != nil {
				t.Errorf("err = %v, want nil", err)
			}
			b.wantLog(0, before...)
			if n := len(b.exec.executed); n != 0 {
				t.Errorf("executed %d times, want never", n)
			}
		})
	}
}

func TestSteps_Handler_failure(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":         {"out of stock", "out of stock"},
		"long":          {strings.Repeat("x", 2000), strings.Repeat("x", 1000)},
		"long, unicode": {"a" + strings.Repeat("ü", 600), "a" + strings.Repeat("ü", 499)},
		"not UTF-8":     {"a\xffb", "a\uFFFDb"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.exec.execute = failing(domain.Scheduling, errors.New(c.in))
			b.must(1)
			b.wantLog(2, "failed Scheduling 1: "+c.want)
			if text := b.order(b.id).Steps[0].Error; len(text) > 1000 || !utf8.ValidString(text) {
				t.Errorf("the error has %d bytes, valid UTF-8 is %v", len(text), utf8.ValidString(text))
			}
		})
	}
}

func TestSteps_Handler_panic(t *testing.T) {
	b := newBench(t)
	b.exec.execute = func(context.Context, Work) error { panic("nil map") }
	lease, err := b.deliver(t.Context())
	if err != nil || !lease.settled {
		t.Fatalf("err = %v, settled %v; want nil, true", err, lease.settled)
	}
	b.wantLog(1, "started Scheduling 1 n1", "interrupted Scheduling 1: panic: nil map")
	b.exec.succeed()
	if again, err := b.deliver(t.Context()); err != nil || again.Attempt != 2 || again.Interruptions != 1 {
		t.Errorf("next: attempt %d, %d interruptions, err %v; want 2, 1, nil", again.Attempt, again.Interruptions, err)
	}
}

func TestSteps_Handler_timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *StepsConfig) { c.StepTimeout = 7 * time.Second })
		b.exec.execute = func(ctx context.Context, _ Work) error {
			<-ctx.Done()
			return ctx.Err()
		}
		began := time.Now()
		// The outcome is stored after the limit, and while the database is away.
		b.fail(fault{}, fault{before: domain.ErrUnavailable})
		if _, err := b.deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.wantLog(1, "started Scheduling 1 n1", "interrupted Scheduling 1: step timed out after 7s")
		if took := time.Since(began); took < 7*time.Second || took > 8*time.Second {
			t.Errorf("it took %s, want 7 s and a bit", took)
		}
		if _, lease := b.claim("n1", 1); lease == nil || lease.Interruptions != 1 {
			t.Errorf("the message was not given back with one interruption: %+v", lease)
		}
	})
	t.Run("begins with the work", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, func(c *StepsConfig) { c.StepTimeout = 7 * time.Second })
			b.exec.execute = func(ctx context.Context, _ Work) error { return wait(ctx, 6*time.Second) }
			slow := fault{hook: func() { time.Sleep(5 * time.Second) }}
			b.fail(slow, slow) // the database takes its time to record the start, and the outcome
			if _, err := b.deliver(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.wantLog(2, "completed Scheduling 1")
		})
	})
	t.Run("an executor that finishes late has finished", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, func(c *StepsConfig) { c.StepTimeout = 7 * time.Second })
			b.exec.execute = func(context.Context, Work) error {
				time.Sleep(9 * time.Second)
				return nil
			}
			if _, err := b.deliver(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.wantLog(2, "completed Scheduling 1")
		})
	})
}
