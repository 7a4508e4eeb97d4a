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

// wantFencedAfter checks that a tenure ends at the given time and not before, with the
// cause that tells handlers to record nothing.
func wantFencedAfter(t *testing.T, tenure work.Tenure, d time.Duration) {
	t.Helper()
	after(d - time.Nanosecond)
	if err := tenure.Context.Err(); err != nil {
		t.Fatalf("the tenure ended before %s: %v", d, context.Cause(tenure.Context))
	}
	after(time.Nanosecond)
	if cause := context.Cause(tenure.Context); !errors.Is(cause, domain.ErrFenced) {
		t.Fatalf("after %s the cause is %v, want ErrFenced", d, cause)
	}
}

func TestNode_Run_fencesItself(t *testing.T) {
	t.Run("when renewals fail", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t)
			after(10 * time.Second) // the last good renewal
			tenure := m.tenure(t)
			m.breakRegistry(func(f *registryFaults) { f.renew = func(context.Context) error { return domain.ErrUnavailable } })
			wantFencedAfter(t, tenure, 4*time.Second)
			if left := time.Until(m.cluster.nodes["n1"][0].expires); left != time.Second {
				t.Errorf("the lease had %s left, want 1 s", left)
			}
			m.leave(t)
		})
	})
	t.Run("when a renewal hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t)
			after(10 * time.Second)
			tenure := m.tenure(t)
			release := m.hang(func(f *registryFaults, h func(context.Context) error) { f.renew = h })
			wantFencedAfter(t, tenure, 4*time.Second)
			synctest.Wait()
			if again := m.tenure(t); again.Epoch != 2 || again.Context.Err() != nil {
				t.Errorf("it is in epoch %d (%v), want a new one although the call still hangs", again.Epoch, again.Context.Err())
			}
			release()
			m.leave(t)
		})
	})
	t.Run("by the start of a slow renewal, not by its end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t)
			tenure := m.tenure(t)
			m.breakRegistry(func(f *registryFaults) {
				f.renew = func(context.Context) error {
					m.breakRegistry(func(f *registryFaults) { f.renew = func(context.Context) error { return domain.ErrUnavailable } })
					time.Sleep(1900 * time.Millisecond)
					return nil
				}
			})
			// The heartbeat at 1 s answers at 2.9 s; it counts from 1 s.
			wantFencedAfter(t, tenure, 5*time.Second)
			m.leave(t)
		})
	})
	t.Run("by the start of a slow registration too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t, func(f *registryFaults) {
				f.register = func(ctx context.Context) error { return wait(ctx, 3*time.Second) }
				f.renew = func(context.Context) error { return domain.ErrUnavailable }
			})
			after(3 * time.Second)
			wantFencedAfter(t, m.tenure(t), time.Second)
			m.leave(t)
		})
	})
	t.Run("at once when the register says so", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t)
			tenure := m.tenure(t)
			m.cluster.mu.Lock()
			m.nodes["n1"][0].expires = time.Now()
			m.cluster.mu.Unlock()
			wantFencedAfter(t, tenure, time.Second) // the next heartbeat
			if again := m.tenure(t); again.Epoch != 2 {
				t.Errorf("it is in epoch %d, want 2", again.Epoch)
			}
			m.leave(t)
		})
	})
	t.Run("and cannot be brought back by a late answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t)
			tenure := m.tenure(t)
			old := m.node.tenure
			m.breakRegistry(func(f *registryFaults) { f.renew = func(context.Context) error { return domain.ErrUnavailable } })
			wantFencedAfter(t, tenure, 4*time.Second)
			old.extend(time.Now(), 5*time.Second)
			if old.trusted() || tenure.Context.Err() == nil {
				t.Error("an ended tenure was extended")
			}
			m.leave(t)
		})
	})
}

// A connection that died must leave time for a second try on another one.
func TestNode_Run_secondTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := join(t)
		after(10 * time.Second)
		tenure := m.tenure(t)
		release := m.hang(func(f *registryFaults, h func(context.Context) error) {
			f.renew = func(ctx context.Context) error {
				m.breakRegistry(func(f *registryFaults) { f.renew = nil })
				return h(ctx)
			}
		})
		after(10 * time.Second)
		if tenure.Context.Err() != nil {
			t.Errorf("the tenure ended: %v", context.Cause(tenure.Context))
		}
		release()
		m.leave(t)
	})
}

// When the process was stopped, the first to run again may not be the timer.
func TestTenure_held(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenure := newTenure(1, time.Now(), 5*time.Second)
		tenure.timer.Stop()
		after(4*time.Second - 1)
		if !tenure.trusted() {
			t.Error("the tenure is over before its time")
		}
		if after(1); tenure.trusted() {
			t.Error("the tenure is relied on after its time, because its timer had no turn")
		}
	})
}
