package handlers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"orderflow/domain/work"
)

// occupied is a cluster in which the name n1 has a good registration.
func occupied(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t)
	if _, err := c.Register(t.Context(), work.Node{Node: "n1"}, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	return c
}

// startNamed starts a node called n1; said are its warnings.
func startNamed(t *testing.T, c *cluster) (m *member, said *logtest.Hook) {
	t.Helper()
	logger, hook := logtest.NewNullLogger()
	node, err := NewNode(NodeConfig{Info: work.Node{Node: "n1"}, Registry: c, Logger: logrus.NewEntry(logger)})
	if err != nil {
		t.Fatal(err)
	}
	m = &member{cluster: c, node: node, done: make(chan error, 1)}
	ctx, end := context.WithCancel(context.Background())
	m.end = end
	go func() { m.done <- node.Run(ctx) }()
	synctest.Wait()
	return m, hook
}

// A node whose name is still registered, as after a crash, waits until that has expired.
func TestNode_Run_nameExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, said := startNamed(t, occupied(t))
		if _, in := m.node.Tenure(); in {
			t.Fatal("it is registered beside another of its name")
		}
		after(4900 * time.Millisecond)
		if lines := said.AllEntries(); len(lines) != 1 || lines[0].Level != logrus.WarnLevel || lines[0].Data["held_by_pid"] != 1 {
			t.Errorf("%d lines, want one warning that says who has the name: %v", len(lines), lines)
		}
		after(2 * time.Second)
		if tenure := m.tenure(t); tenure.Epoch != 2 {
			t.Errorf("it is in epoch %d, want 2", tenure.Epoch)
		}
		m.leave(t)
	})
}

// One that renews is another process: there must not be two.
func TestNode_Run_nameTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := occupied(t)
		m, _ := startNamed(t, c)
		after(time.Second)
		if err := c.Renew(t.Context(), work.Registration{Node: "n1", Epoch: 1}, work.NodeActive, 0, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := <-m.done; err == nil || !strings.Contains(err.Error(), "another process works under the name of node n1") {
			t.Errorf("err = %v, want that the name is another's", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it found out %s after the renewal", took)
		}
		if m.node.State() != work.NodeStopped || c.node("n1").epoch != 1 {
			t.Errorf("state %s, latest registration %+v; want stopped, and the other's", m.node.State(), c.node("n1"))
		}
	})
	hangs := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	t.Run("while a node was paused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := join(t)
			m.breakRegistry(func(f *registryFaults) { f.renew, f.register = hangs, hangs })
			after(6 * time.Second) // its registration expires, and another process takes the name
			m.breakRegistry(func(f *registryFaults) { f.renew, f.register = nil, nil })
			epoch, err := m.Register(t.Context(), work.Node{Node: "n1"}, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			after(5 * time.Second)
			if err := m.Renew(t.Context(), work.Registration{Node: "n1", Epoch: epoch}, work.NodeActive, 0, time.Hour); err != nil {
				t.Fatal(err)
			}
			if err := <-m.done; err == nil {
				t.Error("two processes have one name")
			}
		})
	})
}

// A worker whose node may not have its name ends, with that error and none that follows from it.
func TestWorker_Run_nameTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := occupied(t)
		s := newStation(t, c, "n1", slow(t, 0)).run()
		after(time.Second)
		if err := c.Renew(t.Context(), work.Registration{Node: "n1", Epoch: 1}, work.NodeActive, 0, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		if err := <-s.done; err == nil || errors.Is(err, errWorkLeft) || errors.Is(err, errRouterStopped) {
			t.Errorf("err = %v, want that the name is another's and no more", err)
		}
		if err := s.sub.Close(); err != nil {
			t.Error(err)
		}
	})
}
