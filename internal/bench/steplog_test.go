package bench

import (
	"slices"
	"testing"
	"time"

	"orderflow/domain"
)

func TestNodeSteps_waits(t *testing.T) {
	at := func(all ...int) (times []time.Time) {
		for _, ms := range all {
			times = append(times, time.UnixMilli(int64(ms)))
		}
		return times
	}
	for _, c := range []struct {
		name         string
		starts, ends []int
		slots        int
		want         []time.Duration
	}{
		{"one slot", []int{0, 12, 25}, []int{10, 20, 30}, 1, []time.Duration{2 * time.Millisecond, 5 * time.Millisecond}},
		{"the slot that was free longest is filled first", []int{0, 0, 14, 15}, []int{10, 13}, 2, []time.Duration{4 * time.Millisecond, 2 * time.Millisecond}},
		{"in any order", []int{15, 0, 14, 0}, []int{13, 10}, 2, []time.Duration{4 * time.Millisecond, 2 * time.Millisecond}},
		{"slots that were never used wait for nobody", []int{0, 5}, []int{3}, 3, nil},
		{"outside of the time", []int{0, 12, 2000}, []int{10, 20}, 1, []time.Duration{2 * time.Millisecond}},
		{"a start that no end is left for", []int{0, 12, 14}, []int{10}, 1, []time.Duration{2 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := nodeSteps{starts: at(c.starts...), ends: at(c.ends...)}
			got := n.waits(c.slots, time.UnixMilli(0), time.UnixMilli(1000))
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestStepLog(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	l := stepLog{workers: 1, duration: 5 * time.Second, from: at(10), to: at(20), lost: "b", lostAt: at(14), nodes: map[string]*nodeSteps{}}
	first := domain.Steps()[0]
	for _, r := range []domain.Recorded{
		{RecordedAt: at(7), Event: domain.StepStarted{Step: first, Attempt: 1, Node: "a"}},
		{RecordedAt: at(12), Event: domain.StepCompleted{Step: first, Attempt: 1, Node: "a"}}, // 2 s of it since 10
		{RecordedAt: at(13), Event: domain.StepStarted{Step: first, Attempt: 1, Node: "b"}},
		{RecordedAt: at(15), Event: domain.StepInterrupted{Step: first, Attempt: 1, Node: "b"}},
		{RecordedAt: at(16), Event: domain.StepStarted{Step: first, Attempt: 2, Node: "a"}},
		{RecordedAt: at(21), Event: domain.StepCompleted{Step: first, Attempt: 2, Node: "a"}}, // 4 s until 20
		{RecordedAt: at(22), Event: domain.StepStarted{Step: first, Attempt: 1, Node: "a"}},
	} {
		l.add(r)
	}
	if l.busy != 6*time.Second || l.begun != 2 || l.interrupted != 1 {
		t.Errorf("busy for %s, %d orders begun, %d steps interrupted; want 6s, 2 and 1", l.busy, l.begun, l.interrupted)
	}
	if !slices.Equal(l.takenOver, []time.Duration{time.Second}) {
		t.Errorf("the steps of the node that was lost were taken over after %v, want 1s", l.takenOver)
	}
	if got := l.nodes["a"].waits(1, l.from, l.to); !slices.Equal(got, []time.Duration{4 * time.Second}) {
		t.Errorf("waits of a: %v, want 4s", got)
	}
}

func TestPoint(t *testing.T) {
	p := Point{Nodes: 2, Workers: 50, StepDuration: 5 * time.Second}
	w := worked{from: time.Unix(0, 0), to: time.Unix(20, 0), cpu: 8 * time.Second, bytes: 40_000, registered: 3}
	w.Statements, w.Transactions, w.RoundTrips, w.written = 1600, 320, 800, 80_000
	p.addRun(w, stepLog{busy: 1600 * time.Second}) // 320 of 400 steps: 80 orders
	p.goals()
	for name, want := range map[string]float64{
		shareOfIdeal: 0.8, "steps": 16, ordersDone: 4, ordersIdeal: 5, "a worker between two steps, mean": 1250, statementsOfOrder: 20,
		"transactions": 4, roundTripsOfOrder: 10, bytesWritten: 1000, "transactions, all nodes": 16, "bytes": 500, "processor time": 100, "processor time, all nodes": 0.4, registrationsLost: 1,
	} {
		if f := p.figure(name); f == nil || f.Value < want-1e-9 || f.Value > want+1e-9 {
			t.Errorf("%s is %+v, want %v", name, f, want)
		}
	}
	if p.figure(shareOfIdeal).Met() || p.figure(registrationsLost).Met() {
		t.Error("goals count as met that are not")
	}
	none := Point{Nodes: 1, Workers: 1, StepDuration: time.Second}
	none.addRun(w, stepLog{})
	if f := none.figure(shareOfIdeal); f.Value != 0 || len(none.Figures) != 4 {
		t.Errorf("of no work: %+v", none.Figures)
	}
	s := Section{Points: []Point{p}}
	s.flat()
	if len(s.Figures) != 0 {
		t.Errorf("one point is compared with itself: %+v", s.Figures)
	}
	p.Figures = nil
	p.add(statementsOfOrder, "1/order", 25)
	s.Points = append(s.Points, p)
	s.flat()
	if len(s.Figures) != 1 || s.Figures[0].Value != 1.25 || s.Figures[0].Met() {
		t.Errorf("statements of 20 and 25 an order: %+v", s.Figures)
	}
}

func TestOverlap(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for _, c := range []struct{ a, b, want int }{
		{0, 5, 0}, {0, 10, 0}, {5, 15, 5}, {10, 20, 10}, {12, 14, 2}, {15, 25, 5}, {20, 30, 0}, {0, 30, 10},
	} {
		if got := overlap(at(c.a), at(c.b), at(10), at(20)); got != time.Duration(c.want)*time.Second {
			t.Errorf("%d to %d overlaps 10 to 20 by %s, want %ds", c.a, c.b, got, c.want)
		}
	}
}

// TestStepLog_lost counts what a node was at work at that was killed after the time.
func TestStepLog_lost(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	first := domain.Steps()[0]
	l := stepLog{
		workers: 1, duration: 5 * time.Second, from: at(10), to: at(20), lost: "b", lostAt: at(21),
		nodes: map[string]*nodeSteps{},
	}
	for _, r := range []domain.Recorded{
		{OrderID: domain.OrderID{1}, RecordedAt: at(13), Event: domain.StepStarted{Step: first, Attempt: 1, Node: "a"}},
		{OrderID: domain.OrderID{2}, RecordedAt: at(17), Event: domain.StepStarted{Step: first, Attempt: 1, Node: "b"}},
		{OrderID: domain.OrderID{1}, RecordedAt: at(18), Event: domain.StepCompleted{Step: first, Attempt: 1, Node: "a"}},
		{OrderID: domain.OrderID{2}, RecordedAt: at(25), Event: domain.StepInterrupted{Step: first, Attempt: 1, Node: "b"}},
	} {
		l.add(r)
	}
	if l.busy != 8*time.Second || l.interrupted != 0 { // 5 s, and 3 s until the end
		t.Errorf("busy for %s, %d steps interrupted; want 8s and none", l.busy, l.interrupted)
	}
}
