package handlers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

func TestSteps_Handler_unavailable(t *testing.T) {
	for name, fail := range map[string]error{
		"unavailable":  domain.ErrUnavailable,
		"unclassified": errors.New("the driver says something new"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.fail(fault{}) // the start
				for range 40 {
					b.fail(fault{before: fail})
				}
				began := time.Now()
				b.must(1)
				b.wantLog(1, "started Scheduling 1 n1", "completed Scheduling 1")
				if n := len(b.exec.executed); n != 1 {
					t.Errorf("executed %d times, want once", n)
				}
				if took := time.Since(began); took < 30*time.Second || took > 130*time.Second {
					t.Errorf("40 tries took %s; want pauses that grow to %s", took, longestPause)
				}
			})
		})
	}
	t.Run("until the lease ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			ctx, end := context.WithCancelCause(t.Context())
			b.fail(fault{})
			for range 1000 {
				b.fail(fault{before: domain.ErrUnavailable})
			}
			time.AfterFunc(4*time.Second, func() { end(domain.ErrFenced) })
			began := time.Now()
			if _, err := b.deliver(ctx); !errors.Is(err, domain.ErrFenced) {
				t.Errorf("err = %v, want ErrFenced", err)
			}
			if took := time.Since(began); took != 4*time.Second {
				t.Errorf("it went on for %s, want 4 s", took)
			}
			b.wantLog(1, "started Scheduling 1 n1")
		})
	})
}

// The answer to an append can be lost although it was stored.
func TestSteps_Handler_answerLost(t *testing.T) {
	lost := fault{after: domain.ErrUnavailable}
	t.Run("of the start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.fail(lost)
			b.must(1)
			b.wantLog(1, "started Scheduling 1 n1", "completed Scheduling 1")
			if n := len(b.exec.executed); n != 1 {
				t.Errorf("executed %d times, want once", n)
			}
		})
	})
	t.Run("of the outcome", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.fail(fault{}, lost)
			b.must(domain.StepCount)
			if o := b.order(b.id); o.Status() != domain.StatusCompleted || o.Version != 10 {
				t.Errorf("the order is %s at version %d, want Completed at 10", o.Status(), o.Version)
			}
			b.wantDone()
		})
	})
}

func TestSteps_Handler_fenced(t *testing.T) {
	t.Run("before the start nothing is executed", func(t *testing.T) {
		b := newBench(t)
		msg, lease := b.claim("n1", 1)
		b.lose(lease)
		if err := b.handle(t.Context(), lease, msg); err != nil {
			t.Errorf("err = %v, want nil", err)
		}
		b.wantLog(0, "OrderPlaced")
		if n := len(b.exec.executed); n != 0 {
			t.Errorf("executed %d times, want never", n)
		}
	})
	for name, result := range map[string]error{"success": nil, "failure": errors.New("no")} {
		t.Run("the outcome is dropped: "+name, func(t *testing.T) {
			b := newBench(t)
			msg, lease := b.claim("n1", 1)
			msg.SetContext(work.WithDelivery(t.Context(), lease))
			var stolen *hand
			b.exec.execute = func(context.Context, Work) error {
				stolen = b.steal(lease)
				return result
			}
			err := b.steps.Handler(lease.Topic)(msg)
			if err != nil || !lease.settled {
				t.Errorf("err = %v, settled %v; want nil, true", err, lease.settled)
			}
			b.wantLog(1, "started Scheduling 1 n1", "interrupted Scheduling 1: lost", "started Scheduling 2 n2")
			if stolen.settled || b.rowOf(stolen.lease) == nil {
				t.Errorf("the other node's lease was touched: %+v", stolen)
			}
		})
	}
}

// steal has another node take the message of a lease over and open the next attempt.
func (b *bench) steal(lease *hand) *hand {
	b.t.Helper()
	b.lose(lease)
	_, stolen := b.claim("n2", 1)
	b.append(stolen, domain.InterruptStep{Step: domain.Scheduling, Attempt: 1, Reason: "lost"},
		domain.StartStep{Step: domain.Scheduling, Attempt: 2, Node: "n2"})
	return stolen
}

func TestSteps_Handler_leaseEnds(t *testing.T) {
	for name, cause := range map[string]error{"with the tenure": domain.ErrFenced, "with the subscriber": context.Canceled} {
		for how, result := range map[string]error{"success": nil, "failure": errors.New("no"), "its error": context.Canceled} {
			t.Run(name+", executor returns "+how, func(t *testing.T) {
				b := newBench(t)
				ctx, end := context.WithCancelCause(t.Context())
				b.exec.execute = func(context.Context, Work) error {
					end(cause)
					return result
				}
				lease, err := b.deliver(ctx)
				if !errors.Is(err, cause) || !errors.Is(err, context.Canceled) || lease.settled {
					t.Errorf("err = %v, settled %v; want %v, false", err, lease.settled, cause)
				}
				b.wantLog(1, "started Scheduling 1 n1")
				b.exec.succeed()
				b.must(1)
				b.wantLog(2, "interrupted Scheduling 1: the attempt on node n1 ended without an outcome", "started Scheduling 2 n1", "completed Scheduling 2")
			})
		}
	}
	t.Run("while the executor panics", func(t *testing.T) {
		b := newBench(t)
		ctx, end := context.WithCancelCause(t.Context())
		b.exec.execute = func(context.Context, Work) error {
			end(domain.ErrFenced)
			panic("too late")
		}
		if _, err := b.deliver(ctx); !errors.Is(err, domain.ErrFenced) {
			t.Errorf("err = %v, want ErrFenced", err)
		}
		b.wantLog(1, "started Scheduling 1 n1")
	})
}

func TestSteps_Handler_conflict(t *testing.T) {
	t.Run("decides again", func(t *testing.T) {
		b := newBench(t)
		// An operator parks and resumes the order between the load and the start.
		b.fail(fault{hook: func() { b.append(nil, domain.Park{Reason: "wait"}, domain.Resume{Reason: "go"}) }})
		b.must(1)
		b.wantLog(1, "parked at Scheduling: wait", "OrderResumed", "started Scheduling 1 n1", "completed Scheduling 1")
	})
	t.Run("decides otherwise", func(t *testing.T) {
		b := newBench(t)
		b.fail(fault{hook: func() { b.append(nil, domain.Park{Reason: "wait"}) }})
		b.dropped()
		b.wantLog(1, "parked at Scheduling: wait")
		if n := len(b.exec.executed); n != 0 {
			t.Errorf("executed %d times, want never", n)
		}
	})
	t.Run("not for ever", func(t *testing.T) {
		b := newBench(t)
		for range 100 {
			b.fail(fault{before: domain.ErrConflict})
		}
		if _, err := b.deliver(t.Context()); !errors.Is(err, domain.ErrConflict) {
			t.Errorf("err = %v, want ErrConflict", err)
		}
		if left := len(b.faults); left != 100-maxConflicts-1 {
			t.Errorf("%d tries, want %d", 100-left, maxConflicts+1)
		}
	})
}

func TestSteps_Handler_permanent(t *testing.T) {
	for _, kind := range []error{domain.ErrInvalid, domain.ErrNotFound, domain.ErrCorrupt, domain.ErrDuplicate} {
		b := newBench(t)
		b.fail(fault{}, fault{before: kind})
		if _, err := b.deliver(t.Context()); !errors.Is(err, kind) {
			t.Errorf("err = %v, want %v without another try", err, kind)
		}
	}
}
