package handlers

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// member is a node under test: heartbeat 1 s, leases of 5 s, so its tenures are safe
// for 4 s after the start of a renewal.
type member struct {
	*cluster
	node *Node
	end  context.CancelFunc
	done chan error
}

// join starts a node; it is registered when join returns, unless the register is
// broken. Must be called in a synctest bubble.
func join(t *testing.T, breaks ...func(*registryFaults)) *member {
	t.Helper()
	m := &member{cluster: newCluster(t), done: make(chan error, 1)}
	for _, f := range breaks {
		m.breakRegistry(f)
	}
	node, err := NewNode(NodeConfig{Info: work.Node{Node: "n1", Slots: 50}, Registry: m.cluster, Busy: func() int { return 7 }})
	if err != nil {
		t.Fatal(err)
	}
	m.node = node
	ctx, end := context.WithCancel(context.Background())
	m.end = end
	go func() { m.done <- node.Run(ctx) }()
	synctest.Wait()
	return m
}

// leave ends the node and waits for it.
func (m *member) leave(t *testing.T) {
	t.Helper()
	m.end()
	if err := <-m.done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// after lets time pass, all that happens in it included.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (m *member) tenure(t *testing.T) work.Tenure {
	t.Helper()
	tenure, in := m.node.Tenure()
	if !in {
		t.Fatal("the node has no tenure")
	}
	return tenure
}

func TestNode_Run_heartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := join(t)
		tenure := m.tenure(t)
		for range 100 {
			after(time.Second)
			if left := time.Until(m.cluster.node("n1").expires); left != 5*time.Second {
				t.Fatalf("after a heartbeat the registration is good for %s, want 5 s", left)
			}
		}
		if got := m.cluster.node("n1"); got.epoch != 1 || got.state != work.NodeActive || got.busy != 7 {
			t.Errorf("the register says %+v, want epoch 1, active, 7 busy", got)
		}
		if tenure.Context.Err() != nil || tenure.Node != "n1" || tenure.Epoch != 1 {
			t.Errorf("tenure %+v (%v), want n1, epoch 1, not ended", tenure, tenure.Context.Err())
		}
		if err := m.node.Alive(); err != nil {
			t.Error(err)
		}
		m.leave(t)
	})
}

// A node that is told to registers anew, under a higher epoch, and its work of before ends.
func TestNode_Reregister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := join(t)
		before := m.tenure(t)
		m.node.Reregister()
		after(time.Second)
		if now := m.tenure(t); !errors.Is(context.Cause(before.Context), domain.ErrFenced) || now.Epoch <= before.Epoch || now.Context.Err() != nil {
			t.Errorf("tenures %+v (%v) and %+v (%v); want the first ended, and a second with a higher epoch",
				before, context.Cause(before.Context), now, context.Cause(now.Context))
		}
		m.leave(t)
	})
}

// A renewal that takes longer than it is waited for still counts, if it arrives while the
// tenure lasts; and one that is overtaken does not shorten it.
func TestNode_Run_slowHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := join(t, func(f *registryFaults) {
			f.renew = func(ctx context.Context) error { return wait(ctx, 2500*time.Millisecond) }
		})
		tenure := m.tenure(t)
		after(time.Minute)
		if tenure.Context.Err() != nil {
			t.Fatalf("the tenure ended: %v", context.Cause(tenure.Context))
		}
		var calls atomic.Int64
		m.breakRegistry(func(f *registryFaults) {
			f.renew = func(ctx context.Context) error {
				if calls.Add(1) == 1 {
					return wait(ctx, 3500*time.Millisecond) // and another is through before it
				}
				return nil
			}
		})
		after(time.Minute)
		if tenure.Context.Err() != nil || m.tenure(t).Epoch != tenure.Epoch {
			t.Errorf("the tenure ended: %v", context.Cause(tenure.Context))
		}
		m.leave(t)
	})
}

// A node that was registered late, since its register is slow in the beginning, renews
// before what is left of the registration is over.
func TestNode_Run_slowRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := join(t, func(f *registryFaults) {
			f.register = func(ctx context.Context) error { return wait(ctx, 3500*time.Millisecond) }
			f.renew = func(ctx context.Context) error { return wait(ctx, 300*time.Millisecond) }
		})
		after(3900 * time.Millisecond)
		tenure := m.tenure(t)
		after(time.Minute)
		if tenure.Epoch != 1 || tenure.Context.Err() != nil {
			t.Errorf("the tenure of epoch %d ended: %v", tenure.Epoch, context.Cause(tenure.Context))
		}
		m.leave(t)
	})
}

// TestTenure_extend: the answer to an earlier renewal may come last.
func TestTenure_extend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, ttl := time.Now(), 5*time.Second
		tn := newTenure(1, began, ttl)
		after(3 * time.Second)
		tn.extend(began.Add(2*time.Second), ttl)
		tn.extend(began.Add(time.Second), ttl)
		after(2500 * time.Millisecond) // 5.5 s; it is good until 6 s
		if !tn.trusted() {
			t.Error("an earlier renewal shortened the tenure")
		}
		after(time.Second)
		if tn.trusted() || tn.ctx.Err() == nil {
			t.Error("the tenure goes on after its end")
		}
	})
}

func TestNode_Run_release(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := join(t)
		tenure := m.tenure(t)
		m.breakRegistry(func(f *registryFaults) {
			f.release = func(context.Context) error {
				if !errors.Is(context.Cause(tenure.Context), domain.ErrFenced) {
					t.Error("the registration is released while the node's own work may still run")
				}
				return nil
			}
		})
		m.leave(t)
		if got := m.cluster.node("n1"); got.state != work.NodeStopped || time.Now().Before(got.expires) {
			t.Errorf("the register says %+v, want stopped and expired", got)
		}
		if _, in := m.node.Tenure(); in || m.node.State() != work.NodeStopped || m.node.Alive() == nil {
			t.Errorf("in tenure %v, state %s, alive %v; want false, stopped, an error", in, m.node.State(), m.node.Alive())
		}
	})
	t.Run("of what has ended already", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t, func(f *registryFaults) { f.release = func(context.Context) error { return domain.ErrFenced } })
			m.leave(t)
		})
	})
	t.Run("fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t, func(f *registryFaults) { f.release = func(context.Context) error { return domain.ErrUnavailable } })
			m.end()
			if err := <-m.done; !errors.Is(err, domain.ErrUnavailable) {
				t.Errorf("err = %v, want ErrUnavailable", err)
			}
		})
	})
	t.Run("hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t)
			release := m.hang(func(f *registryFaults, h func(context.Context) error) { f.release = h })
			m.end()
			began := time.Now()
			if err := <-m.done; !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 5*time.Second {
				t.Errorf("err = %v after %s, want a time-out after 5 s", err, time.Since(began))
			}
			release()
		})
	})
}

// hang has a call of the register hang, whatever becomes of its context, until release.
func (m *member) hang(set func(*registryFaults, func(context.Context) error)) (release func()) {
	hung := make(chan struct{})
	m.breakRegistry(func(f *registryFaults) {
		set(f, func(context.Context) error {
			<-hung
			return domain.ErrUnavailable
		})
	})
	return func() { close(hung) }
}

func TestNode_Run_registersAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := func(context.Context) error { return domain.ErrUnavailable }
		m := join(t, func(f *registryFaults) { f.register, f.renew = away, away })
		if _, in := m.node.Tenure(); in {
			t.Fatal("there is a tenure without a registration")
		}
		after(time.Hour)
		if err := m.node.Alive(); err != nil {
			t.Errorf("a node whose database is away is not alive: %v", err)
		}
		m.breakRegistry(func(f *registryFaults) { f.register, f.renew = nil, nil })
		after(1500 * time.Millisecond) // pauses grow to one heartbeat, with jitter
		if tenure := m.tenure(t); tenure.Epoch != 1 {
			t.Errorf("it is in epoch %d, want 1", tenure.Epoch)
		}
		m.leave(t)
	})
	t.Run("when registering took too long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			m := join(t, func(f *registryFaults) {
				f.register = func(context.Context) error {
					if calls++; calls == 1 {
						time.Sleep(6 * time.Second)
					}
					return nil
				}
			})
			after(3 * time.Second)
			if _, in := m.node.Tenure(); in {
				t.Error("there is a tenure before the register has answered")
			}
			after(4 * time.Second)
			if tenure := m.tenure(t); calls != 2 || tenure.Context.Err() != nil {
				t.Errorf("%d registrations, tenure %v; want a second one, held", calls, tenure.Context.Err())
			}
			m.leave(t)
		})
	})
	t.Run("when registering hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t)
			m.breakRegistry(func(f *registryFaults) { f.renew = func(context.Context) error { return domain.ErrFenced } })
			release := m.hang(func(f *registryFaults, h func(context.Context) error) { f.register = h })
			after(2 * time.Second)
			m.breakRegistry(func(f *registryFaults) { f.register, f.renew = nil, nil })
			after(5 * time.Second)
			if tenure := m.tenure(t); tenure.Epoch != 2 {
				t.Errorf("it is in epoch %d, want 2", tenure.Epoch)
			}
			release()
			m.leave(t)
		})
	})
	t.Run("and gives back what it got while it was to end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t, func(f *registryFaults) {
				f.register = func(ctx context.Context) error { return wait(ctx, time.Second) }
			})
			m.leave(t)
			if got := m.cluster.node("n1"); got.epoch != 1 || got.state != work.NodeStopped {
				t.Errorf("the register says %+v, want epoch 1, stopped", got)
			}
		})
	})
	t.Run("unless it is to end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t, func(f *registryFaults) { f.register = func(context.Context) error { return domain.ErrUnavailable } })
			after(time.Minute)
			m.leave(t)
			if m.node.State() != work.NodeStopped {
				t.Errorf("state %s, want stopped", m.node.State())
			}
		})
	})
}

func TestNode_Drain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := join(t)
		after(100 * time.Millisecond)
		m.node.Drain()
		synctest.Wait()
		if got := m.cluster.node("n1").state; got != work.NodeDraining {
			t.Errorf("the register says %s, want draining at once", got)
		}
		if tenure := m.tenure(t); tenure.Context.Err() != nil {
			t.Error("a draining node must keep what it has")
		}
		after(10 * time.Second)
		if got := m.cluster.node("n1"); got.state != work.NodeDraining || got.epoch != 1 {
			t.Errorf("later the register says %+v, want draining in epoch 1", got)
		}
		m.leave(t)
	})
	t.Run("over a lost registration", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t)
			m.breakRegistry(func(f *registryFaults) {
				f.renew = func(context.Context) error {
					m.breakRegistry(func(f *registryFaults) { f.renew = nil })
					return domain.ErrFenced
				}
			})
			m.node.Drain()
			synctest.Wait()
			if got := m.cluster.node("n1"); got.epoch != 2 || got.state != work.NodeDraining {
				t.Errorf("the register says %+v, want draining in epoch 2", got)
			}
			m.leave(t)
		})
	})
}

func TestNode_Alive(t *testing.T) {
	node, err := NewNode(NodeConfig{Info: work.Node{Node: "n1"}, Registry: newCluster(t)})
	if err != nil {
		t.Fatal(err)
	}
	if node.Alive() == nil {
		t.Error("a node that has not begun is alive")
	}
	node.round = time.Now().Add(-11 * time.Second)
	if node.Alive() == nil {
		t.Error("a node that stood still for twice its leases' time is alive")
	}
}

func TestNewNode(t *testing.T) {
	good := NodeConfig{Info: work.Node{Node: "n1"}, Registry: newCluster(t)}
	for name, change := range map[string]func(*NodeConfig){
		"no name":               func(c *NodeConfig) { c.Info.Node = "" },
		"no register":           func(c *NodeConfig) { c.Registry = nil },
		"negative heartbeat":    func(c *NodeConfig) { c.Heartbeat = -1 },
		"negative TTL":          func(c *NodeConfig) { c.LeaseTTL = -time.Hour },
		"heartbeat half of TTL": func(c *NodeConfig) { c.Heartbeat, c.LeaseTTL = time.Second, 2*time.Second },
	} {
		bad := good
		change(&bad)
		if _, err := NewNode(bad); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", name, err)
		}
	}
	node, err := NewNode(good)
	if err != nil || node.conf.Heartbeat != time.Second || node.conf.LeaseTTL != 5*time.Second {
		t.Errorf("defaults: heartbeat %s, TTL %s, err %v; want 1 s and 5 s", node.conf.Heartbeat, node.conf.LeaseTTL, err)
	}
}
