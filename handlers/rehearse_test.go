package handlers

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
)

// TestNode_Run_rehearses: a node registers when a heartbeat is answered in time, and not before.
func TestNode_Run_rehearses(t *testing.T) {
	// slow is a register that answers the first renewals late.
	slow := func(renewals int, late time.Duration) (hook func(*registryFaults), calls *int) {
		calls = new(int)
		return func(f *registryFaults) {
			f.rehearse = func(ctx context.Context) error {
				if *calls++; *calls <= renewals {
					return wait(ctx, late)
				}
				return nil
			}
		}, calls
	}
	t.Run("until the way is warm", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			hook, calls := slow(2, 3*time.Second)
			m := join(t, hook)
			after(6 * time.Second)
			if n := m.cluster.node("n1").epoch; n != 0 {
				t.Errorf("it registered with epoch %d before a heartbeat was answered in time", n)
			}
			after(time.Second)
			if tenure := m.tenure(t); tenure.Epoch != 1 || *calls != 3 {
				t.Errorf("epoch %d after %d renewals, want 1 after 3", tenure.Epoch, *calls)
			}
			if left := time.Until(m.cluster.node("n1").expires); left < 4*time.Second {
				t.Errorf("%s after its start the registration is good for %s", time.Since(began), left)
			}
			m.leave(t)
		})
	})
	t.Run("and not for ever", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hook, calls := slow(1000, 2*time.Second)
			m := join(t, hook)
			after(time.Minute)
			if tenure := m.tenure(t); tenure.Epoch != 1 || *calls != mostLate+1 {
				t.Errorf("epoch %d after %d renewals, want 1 after %d", tenure.Epoch, *calls, mostLate+1)
			}
			m.leave(t)
		})
	})
	t.Run("while a connection takes longer than a lease to be opened", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var opened atomic.Bool
			var calls, most atomic.Int64
			m := join(t, func(f *registryFaults) {
				f.rehearse = func(ctx context.Context) error {
					if opened.Load() {
						return nil
					}
					most.Store(max(most.Load(), calls.Add(1)))
					defer calls.Add(-1)
					err := wait(ctx, 12*time.Second)
					opened.CompareAndSwap(false, err == nil)
					return err
				}
			})
			after(20 * time.Second)
			if epoch := m.cluster.node("n1").epoch; epoch != 1 {
				t.Errorf("epoch %d, want 1", epoch)
			}
			if n := most.Load(); n != 2 {
				t.Errorf("%d calls were under way at once, want one that is not broken off, and one that is tried beside it", n)
			}
			m.leave(t)
			after(15 * time.Second) // the calls have ended too
		})
	})
	t.Run("while the database is away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t, func(f *registryFaults) { f.rehearse = func(context.Context) error { return domain.ErrUnavailable } })
			after(time.Hour)
			if _, in := m.node.Tenure(); in {
				t.Error("it is registered")
			}
			m.breakRegistry(func(f *registryFaults) { f.rehearse = nil })
			after(1500 * time.Millisecond)
			if tenure := m.tenure(t); tenure.Epoch != 1 {
				t.Errorf("epoch %d, want 1", tenure.Epoch)
			}
			m.leave(t)
		})
	})
	t.Run("and ends while no answer comes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t, func(f *registryFaults) { f.rehearse = func(ctx context.Context) error { return wait(ctx, time.Hour) } })
			after(time.Second)
			began := time.Now()
			m.leave(t)
			if took := time.Since(began); took > 0 {
				t.Errorf("it ended after %s", took)
			}
			after(15 * time.Second) // the call has ended too
		})
	})
}
