package handlers

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
)

// bench is one order in a cluster and the handlers of node n1 for it.
type bench struct {
	*cluster
	exec  *scripted
	steps *Steps
	id    domain.OrderID
}

func newBench(t testing.TB, change ...func(*StepsConfig)) *bench {
	t.Helper()
	b := &bench{cluster: newCluster(t), exec: &scripted{t: t}, id: domain.OrderID{1}}
	conf := StepsConfig{Store: b.cluster, Executor: b.exec, Node: "n1"}
	for _, f := range change {
		f(&conf)
	}
	steps, err := NewSteps(conf)
	if err != nil {
		t.Fatal(err)
	}
	b.steps = steps
	b.place(b.id)
	return b
}

// deliver has the next message handled under ctx and tells the cluster of its end, as
// a subscriber would.
func (b *bench) deliver(ctx context.Context) (*hand, error) {
	b.t.Helper()
	msg, lease := b.claim("n1", 1)
	if msg == nil {
		b.t.Fatal("no message waits")
	}
	err := b.handle(ctx, lease, msg)
	b.ended(lease, err)
	return lease, err
}

// must delivers n messages that must be dealt with, each in the unit of work that
// records its outcome.
func (b *bench) must(n int) {
	b.t.Helper()
	for range n {
		lease, err := b.deliver(context.Background())
		if err != nil || !lease.settled {
			b.t.Fatalf("%s, attempt %d: err %v, settled %v", lease.Topic, lease.Attempt, err, lease.settled)
		}
	}
}

// dropped delivers a message that must be dropped, for the subscriber to remove.
func (b *bench) dropped() {
	b.t.Helper()
	if lease, err := b.deliver(context.Background()); err != nil || lease.settled {
		b.t.Fatalf("%s, attempt %d: err %v, settled %v; want it dropped", lease.Topic, lease.Attempt, err, lease.settled)
	}
}

// died leaves the order's first message to node n0, which opens an attempt and dies.
func (b *bench) died() {
	b.t.Helper()
	_, lease := b.claim("n0", 1)
	var commands []domain.Command
	if s := b.order(b.id).Steps[0]; s.Status == domain.StepStatusRunning {
		commands = append(commands, domain.InterruptStep{Step: domain.Scheduling, Attempt: s.Attempt, Reason: "lost"})
	}
	b.append(lease, append(commands, domain.StartStep{Step: domain.Scheduling, Attempt: lease.Attempt, Node: "n0"})...)
	b.lose(lease)
}

// append writes to the order past the handlers.
func (b *bench) append(under *hand, commands ...domain.Command) {
	b.t.Helper()
	o := b.order(b.id)
	a, err := work.Prepare(&o, domain.Metadata{Actor: "test"}, commands...)
	if err == nil {
		if under != nil {
			a.Lease = under.lease
		}
		_, err = b.commit(a)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// log is the order's history, an event a line.
func (b *bench) log() []string {
	b.t.Helper()
	events, err := b.Load(context.Background(), b.id)
	if err != nil {
		b.t.Fatal(err)
	}
	lines := make([]string, len(events))
	for i, r := range events {
		lines[i] = line(r.Event)
	}
	return lines
}

func line(e domain.Event) string {
	switch e := e.(type) {
	case domain.StepStarted:
		return fmt.Sprintf("started %s %d %s", e.Step, e.Attempt, e.Node)
	case domain.StepCompleted:
		return fmt.Sprintf("completed %s %d", e.Step, e.Attempt)
	case domain.StepFailed:
		return fmt.Sprintf("failed %s %d: %s", e.Step, e.Attempt, e.Error)
	case domain.StepInterrupted:
		return fmt.Sprintf("interrupted %s %d: %s", e.Step, e.Attempt, e.Reason)
	case domain.StepRolledBack:
		return fmt.Sprintf("rolled back %s", e.Step)
	case domain.OrderParked:
		return fmt.Sprintf("parked at %s: %s", e.Step, e.Reason)
	case domain.OrderFailed:
		return fmt.Sprintf("order failed at %s: %s", e.Step, e.Reason)
	}
	return domain.TypeOf(e)
}

// wantLog compares the order's history from an event on.
func (b *bench) wantLog(from int, want ...string) {
	b.t.Helper()
	got := b.log()
	if from > len(got) || !slices.Equal(got[from:], want) {
		b.t.Errorf("history is\n%q\nwant from %d on\n%q", got, from, want)
	}
}

// wantDone says that no message is left for the order.
func (b *bench) wantDone() {
	b.t.Helper()
	if n := b.left(); n != 0 {
		b.t.Errorf("%d messages are left", n)
	}
}
