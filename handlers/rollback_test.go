package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
)

// rollingBack is a bench whose order has failed at Processing; the rollback waits.
func rollingBack(t testing.TB, change ...func(*StepsConfig)) *bench {
	t.Helper()
	b := newBench(t, change...)
	b.exec.execute = failing(domain.Processing, errors.New("no steel"))
	b.must(3)
	return b
}

// beforeRollback is the number of events before the first rollback.
const beforeRollback = 7

var rolledBack = []string{
	"rolled back Processing", "rolled back PreProcessing", "rolled back Scheduling", "order failed at Processing: no steel",
}

func TestSteps_Handler_rollback(t *testing.T) {
	b := rollingBack(t)
	var appends int
	for range 3 {
		b.fail(fault{hook: func() { appends++ }})
	}
	b.must(1)
	b.wantLog(beforeRollback, rolledBack...)
	b.wantDone()
	if appends != 3 {
		t.Errorf("%d appends, want one for each of 3 steps", appends)
	}
	var keys []string
	for _, w := range b.exec.undone {
		keys = append(keys, strings.TrimPrefix(w.Key, b.id.String()))
	}
	if want := []string{"/Processing/compensate", "/PreProcessing/compensate", "/Scheduling/compensate"}; !slices.Equal(keys, want) {
		t.Errorf("compensated %v, want %v", keys, want)
	}
}

func TestSteps_Handler_rollbackRecordsBeforeTheNext(t *testing.T) {
	b := rollingBack(t)
	b.exec.compensate = func(context.Context, Work) error {
		if done, asked := len(b.log())-beforeRollback, len(b.exec.undone)-1; done != asked {
			t.Errorf("compensation %d began with %d recorded", asked+1, done)
		}
		return nil
	}
	b.must(1)
}

// A crash at any point of a rollback: during a compensation, between it and its
// record, or after its record was stored and before anyone was told.
func TestSteps_Handler_rollbackCrash(t *testing.T) {
	type crash struct {
		compensation error // what the executor returns as it ends
		append       fault
	}
	for name, c := range map[string]crash{
		"during the compensation": {compensation: context.Canceled},
		"before the record":       {append: fault{before: domain.ErrUnavailable}},
		"after the record":        {append: fault{after: domain.ErrUnavailable}},
	} {
		for done := range 3 {
			t.Run(fmt.Sprintf("%s of step %d", name, done+1), func(t *testing.T) {
				b := rollingBack(t)
				ctx, end := context.WithCancelCause(t.Context())
				b.exec.compensate = func(context.Context, Work) error {
					if len(b.exec.undone) < done+1 {
						return nil
					}
					if c.compensation != nil {
						end(domain.ErrFenced)
						return c.compensation
					}
					c.append.hook = func() { end(domain.ErrFenced) }
					b.fail(c.append)
					return nil
				}
				lease, err := b.deliver(ctx)
				if !errors.Is(err, domain.ErrFenced) {
					t.Fatalf("err = %v, want ErrFenced", err)
				}
				b.lose(lease)
				b.exec.compensate = nil
				for b.left() > 0 {
					b.must(1)
				}
				b.wantLog(beforeRollback, rolledBack...)
			})
		}
	}
}

func TestSteps_Handler_rollbackAnswerLost(t *testing.T) {
	for n := range 3 {
		t.Run(fmt.Sprintf("of step %d", n+1), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := rollingBack(t)
				for range n {
					b.fail(fault{})
				}
				b.fail(fault{after: domain.ErrUnavailable})
				b.must(1)
				b.wantLog(beforeRollback, rolledBack...)
				b.wantDone()
				if n := len(b.exec.undone); n != 3 {
					t.Errorf("compensated %d times, want 3", n)
				}
			})
		})
	}
}

func TestSteps_Handler_rollbackTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		fail   func(context.Context, Work) error
		reason string
	}{
		"error": {func(context.Context, Work) error { return errors.New("no answer") }, "compensation failed: no answer"},
		"panic": {func(context.Context, Work) error { panic("nil map") }, "panic: nil map"},
		"time-out": {func(ctx context.Context, _ Work) error {
			<-ctx.Done()
			return ctx.Err()
		}, "compensation timed out after 5s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := rollingBack(t, func(c *StepsConfig) { c.StepTimeout = 5 * time.Second })
				b.exec.compensate = func(ctx context.Context, w Work) error {
					if w.Step == domain.PreProcessing {
						return c.fail(ctx, w)
					}
					return nil
				}
				for i := range 3 {
					began := time.Now()
					lease, err := b.deliver(t.Context())
					if took := time.Since(began); took > 5*time.Second {
						t.Errorf("it took %s, want a step's 5 s at most", took)
					}
					if err != nil || !lease.settled || lease.Interruptions != i {
						t.Fatalf("try %d: err = %v, settled %v, %d interruptions", i+1, err, lease.settled, lease.Interruptions)
					}
				}
				b.wantLog(beforeRollback, rolledBack[0])
				if b.returned != c.reason {
					t.Errorf("given back because %q, want %q", b.returned, c.reason)
				}
				b.must(1)
				b.wantLog(beforeRollback, rolledBack[0], "parked at PreProcessing: interrupted 3 times")
				b.wantDone()
				if n := len(b.letters()); n != 1 {
					t.Errorf("%d dead letters, want 1", n)
				}
				if n := len(b.exec.undone); n != 4 {
					t.Errorf("compensated %d times, want 1 and 3", n)
				}
			})
		})
	}
}

func TestSteps_Handler_rollbackStale(t *testing.T) {
	for name, commands := range map[string][]domain.Command{
		"parked": {domain.Park{Reason: "by hand"}},
		"ended": {
			domain.RollBackStep{Step: domain.Processing}, domain.RollBackStep{Step: domain.PreProcessing}, domain.RollBackStep{Step: domain.Scheduling},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := rollingBack(t)
			b.append(nil, commands...)
			history := b.log()
			b.dropped()
			b.wantLog(0, history...)
			b.wantDone()
			if n := len(b.exec.undone); n != 0 {
				t.Errorf("compensated %d times, want never", n)
			}
		})
	}
	t.Run("parked meanwhile", func(t *testing.T) {
		b := rollingBack(t)
		b.exec.compensate = func(_ context.Context, w Work) error {
			if w.Step == domain.PreProcessing {
				b.append(nil, domain.Park{Reason: "by hand"})
			}
			return nil
		}
		b.dropped()
		b.wantLog(beforeRollback, rolledBack[0], "parked at PreProcessing: by hand")
	})
}
