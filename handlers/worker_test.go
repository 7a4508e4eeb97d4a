package handlers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
)

// station is a whole worker over a cluster, as cmd puts it together. It can be cut off
// from the cluster.
type station struct {
	*cluster
	name   string
	sub    *memory
	node   *Node
	worker *Worker
	end    context.CancelFunc
	done   chan error
}

// newStation builds a worker of 5 slots; change may alter its parts. run starts it.
func newStation(t *testing.T, c *cluster, name string, exec Executor, change ...func(*WorkerConfig)) *station {
	t.Helper()
	s := &station{cluster: c, name: name, done: make(chan error, 1)}
	var err error
	s.node, err = NewNode(NodeConfig{Info: work.Node{Node: name}, Registry: s, Busy: func() int { return s.sub.Busy() }})
	if err != nil {
		t.Fatal(err)
	}
	s.sub = newMemory(c, 5, s.node.Tenure)
	steps, err := NewSteps(StepsConfig{Store: s, Executor: exec, Node: name})
	if err != nil {
		t.Fatal(err)
	}
	conf := WorkerConfig{Node: s.node, Subscriber: s.sub, Steps: steps, DeadLetters: c}
	for _, f := range change {
		f(&conf)
	}
	if s.worker, err = NewWorker(conf); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *station) run() *station {
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	go func() { s.done <- s.worker.Run(ctx) }()
	return s
}

// leave ends the worker and gives what Run returned.
func (s *station) leave() error {
	s.end()
	err := <-s.done
	return errors.Join(err, s.sub.Close())
}

var errOff = errors.New("the wire is cut")

func (s *station) Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error) {
	if s.sub.off.Load() {
		return nil, errOff
	}
	return s.cluster.Load(ctx, id)
}

func (s *station) Append(ctx context.Context, a work.Unit) (work.Outcome, error) {
	if s.sub.off.Load() {
		return work.Outcome{}, errOff
	}
	return s.cluster.Append(ctx, a)
}

func (s *station) Renew(ctx context.Context, of work.Registration, state string, busy int, ttl time.Duration) error {
	if s.sub.off.Load() {
		<-ctx.Done()
		return errOff
	}
	return s.cluster.Renew(ctx, of, state, busy, ttl)
}

func (s *station) Register(ctx context.Context, node work.Node, ttl time.Duration) (int64, error) {
	if s.sub.off.Load() {
		return 0, errOff
	}
	return s.cluster.Register(ctx, node, ttl)
}

// slow takes a second for everything.
func slow(t testing.TB, d time.Duration) *scripted {
	work := func(ctx context.Context, _ Work) error { return wait(ctx, d) }
	return &scripted{t: t, execute: work, compensate: work}
}

func TestWorker_Run_drain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		s := newStation(t, c, "n1", slow(t, 10*time.Second)).run()
		after(time.Second) // it has joined
		for i := range 8 {
			c.place(domain.OrderID{byte(i + 1)})
		}
		after(time.Second) // 5 of 8 are being worked on
		s.end()
		after(time.Second)
		if got := c.node("n1"); got.state != work.NodeDraining || got.busy != 5 {
			t.Errorf("while it drains the register says %+v, want draining with 5 busy", got)
		}
		began := time.Now()
		if err := <-s.done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(began); took != 8*time.Second {
			t.Errorf("the steps took %s to finish, want the 8 s that were left", took)
		}
		if got := c.node("n1"); got.state != work.NodeStopped || time.Now().Before(got.expires) {
			t.Errorf("at the end the register says %+v, want stopped and released", got)
		}
		var finished, untouched int
		for i := range 8 {
			switch o := c.order(domain.OrderID{byte(i + 1)}); {
			case o.Step(domain.Scheduling).Status == domain.StepStatusCompleted && o.Version == 3:
				finished++
			case o.Version == 1:
				untouched++
			}
		}
		if finished != 5 || untouched != 3 {
			t.Errorf("%d orders finished their step, %d were not begun; want 5 and 3", finished, untouched)
		}
		if err := s.sub.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestWorker_Run_drainTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		s := newStation(t, c, "n1", slow(t, time.Minute)).run()
		c.place(domain.OrderID{1})
		after(time.Second)
		began := time.Now()
		if err := s.leave(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("it drained for %s, want 30 s", took)
		}
		o := c.order(domain.OrderID{1})
		if step := o.Steps[0]; o.Version != 3 || step.Status != domain.StepStatusInterrupted || step.Error != "node n1 was stopped before the step had finished" {
			t.Errorf("the order is at version %d, its step %s (%s); want the step cut short, and why", o.Version, step.Status, step.Error)
		}
		if rows := c.heldBy(""); len(rows) != 1 || rows[0].interruptions != 0 {
			t.Errorf("%d messages wait; want one, not counted as interrupted", len(rows))
		}
		if got := c.node("n1"); time.Now().Before(got.expires) {
			t.Error("the node was not released although nothing ran any more")
		}
	})
}

// What cannot be recorded while the node stops is told by the one who takes the order up: nobody
// says that a node was lost that was stopped.
func TestWorker_Run_drainTimeoutAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		s := newStation(t, c, "n1", slow(t, time.Minute)).run()
		c.place(domain.OrderID{1})
		after(time.Second)
		for range 1000 {
			c.fail(fault{before: domain.ErrUnavailable})
		}
		if err := s.leave(); err != nil {
			t.Errorf("Run: %v", err)
		}
		c.mu.Lock()
		c.faults = nil
		c.mu.Unlock()
		next := newStation(t, c, "n2", slow(t, 10*time.Second)).run()
		after(3 * time.Second)
		if err := next.leave(); err != nil {
			t.Errorf("Run: %v", err)
		}
		b := &bench{cluster: c, id: domain.OrderID{1}}
		b.wantLog(2, "interrupted Scheduling 1: the attempt on node n1 ended without an outcome", "started Scheduling 2 n2", "completed Scheduling 2")
	})
}

// An executor that does not heed its context must not get a second one beside it. In
// real time: a closing router holds locks while it waits, and synctest's clock stands
// still for those.
func TestWorker_Run_workLeft(t *testing.T) {
	c := newCluster(t)
	working, release := make(chan struct{}), make(chan struct{})
	exec := &scripted{t: t, execute: func(context.Context, Work) error {
		close(working)
		<-release
		return nil
	}}
	s := newStation(t, c, "n1", exec, func(c *WorkerConfig) {
		c.DrainTimeout, c.recordTime, c.CloseTimeout = 10*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond
	}).run()
	c.place(domain.OrderID{1})
	<-working
	if err := s.leave(); !errors.Is(err, errWorkLeft) {
		t.Errorf("err = %v, want errWorkLeft", err)
	}
	if got := c.node("n1"); got.state == work.NodeStopped || !time.Now().Before(got.expires) {
		t.Errorf("the register says %+v, want leases that keep others away until they expire", got)
	}
	close(release)
	s.sub.hands.Wait()
	if o := c.order(domain.OrderID{1}); o.Version != 2 {
		t.Errorf("the order is at version %d, want nothing said after the end", o.Version)
	}
}

// broken is a subscriber that cannot subscribe to one topic.
type broken struct{ *memory }

func (b broken) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if topic == work.TopicRollback {
		return nil, errOff
	}
	return b.memory.Subscribe(ctx, topic)
}

// away is a subscriber that waits for its database, until it drains.
type away struct{ *memory }

func (a away) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	for {
		a.mu.Lock()
		draining, changed := a.draining, a.freed
		a.mu.Unlock()
		if draining {
			return a.memory.Subscribe(ctx, topic)
		}
		<-changed
	}
}

// TestWorker_Run_drainStarting drains a worker whose router still subscribes.
func TestWorker_Run_drainStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		s := newStation(t, c, "n1", slow(t, 0), func(c *WorkerConfig) { c.Subscriber = away{c.Subscriber.(*memory)} }).run()
		after(time.Second)
		if err := s.leave(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if got := c.node("n1"); got.state != work.NodeStopped {
			t.Errorf("the register says %+v, want stopped", got)
		}
	})
}

func TestWorker_Run_routerFails(t *testing.T) {
	t.Run("to start", func(t *testing.T) { // not in a bubble: a router that fails leaves a goroutine behind
		c := newCluster(t)
		s := newStation(t, c, "n1", slow(t, 0), func(c *WorkerConfig) { c.Subscriber = broken{c.Subscriber.(*memory)} }).run()
		if err := <-s.done; !errors.Is(err, errOff) {
			t.Errorf("err = %v, want the subscriber's", err)
		}
		if got := c.node("n1"); got.state != "" && got.state != work.NodeStopped {
			t.Errorf("the register says %+v, want nothing or stopped", got)
		}
		if err := s.sub.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("stops by itself", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			s := newStation(t, c, "n1", slow(t, 0)).run()
			after(time.Second)
			if err := s.worker.router.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-s.done; !errors.Is(err, errRouterStopped) {
				t.Errorf("err = %v, want errRouterStopped", err)
			}
			if got := c.node("n1"); got.state != work.NodeStopped {
				t.Errorf("the register says %+v, want stopped", got)
			}
		})
	})
}

// Three nodes share the work; one is cut off from the database while its steps run.
func TestWorker_Run_takeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		// One for all, so that it sees an order that two nodes work on; and so slow that the
		// steps of the lost node would go on after others have taken them over.
		exec := slow(t, 20*time.Second)
		a, b, lost := newStation(t, c, "a", exec).run(), newStation(t, c, "b", exec).run(), newStation(t, c, "lost", exec).run()
		const orders = 15
		for i := range orders {
			c.place(domain.OrderID{byte(i + 1)})
		}
		after(2 * time.Second)
		held := c.heldBy("lost")
		if len(held) != 5 {
			t.Fatalf("the node that will be lost works on %d orders, want 5", len(held))
		}
		lost.sub.off.Store(true)
		for _, s := range []*station{a, b} { // as many slots again, which wait for the lost node's work
			s.sub.mu.Lock()
			s.sub.slots *= 2
			s.sub.mu.Unlock()
		}
		after(10 * time.Second)
		if n := len(c.heldBy("lost")); n != 0 {
			t.Errorf("10 s later it still holds %d orders", n)
		}
		after(10 * time.Minute)
		for i := range orders {
			if o := c.order(domain.OrderID{byte(i + 1)}); o.Status() != domain.StatusCompleted {
				t.Errorf("order %d is %s at version %d", i+1, o.Status(), o.Version)
			}
		}
		if again := len(exec.executed) - orders*domain.StepCount; again != len(held) {
			t.Errorf("%d steps were executed again, want the %d of the lost node", again, len(held))
		}
		lost.sub.off.Store(false)
		after(10 * time.Second) // it comes back under a new epoch
		if got := c.node("lost"); got.epoch < 2 || got.state != work.NodeActive {
			t.Errorf("the register says %+v of the node that is back, want a later epoch, active", got)
		}
		after(5 * time.Second) // the last call without an answer has ended
		for _, s := range []*station{a, b, lost} {
			if err := s.leave(); err != nil {
				t.Errorf("node %s: %v", s.name, err)
			}
		}
	})
}

// heldBy lists the messages that are in flight on a node.
func (c *cluster) heldBy(node string) (rows []*row) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.rows {
		if r.node == node {
			rows = append(rows, r)
		}
	}
	return rows
}

func TestNewWorker(t *testing.T) {
	c := newCluster(t)
	s := newStation(t, c, "n1", &scripted{t: t})
	good := s.worker.conf
	for name, change := range map[string]func(*WorkerConfig){
		"no node":                func(c *WorkerConfig) { c.Node = nil },
		"no dead letters":        func(c *WorkerConfig) { c.DeadLetters = nil },
		"no subscriber":          func(c *WorkerConfig) { c.Subscriber = nil },
		"no steps":               func(c *WorkerConfig) { c.Steps = nil },
		"negative drain timeout": func(c *WorkerConfig) { c.DrainTimeout = -1 },
	} {
		bad := good
		change(&bad)
		if _, err := NewWorker(bad); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", name, err)
		}
	}
	if good.DrainTimeout != 30*time.Second {
		t.Errorf("default drain time-out %s, want 30 s", good.DrainTimeout)
	}
	if err := s.sub.Close(); err != nil {
		t.Error(err)
	}
}
