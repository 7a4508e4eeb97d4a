package scenarios

import (
	"testing"
	"time"

	"orderflow/internal/chaos/boottime"
)

// TestJoin starts a node beside one that has more work than workers.
func TestJoin(t *testing.T) {
	s := begin(t, 2, "--workers", "4", "--step-duration", "200ms", "--step-failure-rate", "0")
	s.start(0)
	l := s.customers("join", 40)
	s.eventually(func() (bool, string) { return len(l.Accepted()) > 60, "no orders" })
	s.start(1)
	listens := boottime.Now()
	first := s.untilCalled(1, s.Nodes[1].PID())[0]
	t.Logf("the node had work %s after it listened, want 1s", time.Duration(first.Asked-listens))
	s.stop()
	s.settle(l.Accepted())
}

// TestRollingRestart restarts every node, one after the other, under load: no step is
// lost, and no order waits for longer than a drain takes.
func TestRollingRestart(t *testing.T) {
	const step = 300 * time.Millisecond
	s := begin(t, 3, "--workers", "10", "--step-duration", step.String(), "--step-failure-rate", "0.05")
	s.start(0, 1, 2)
	l := s.customers("rolling", 10)
	s.untilCalled(60)
	var longest time.Duration
	for range 2 {
		for _, n := range s.Nodes {
			longest = max(longest, s.drain(n))
			if err := n.Start(); err != nil {
				t.Fatal(err)
			}
			s.untilCalled(3, n.PID())
		}
	}
	s.stop()
	r := s.settle(l.Accepted())
	interrupted := 0
	if err := s.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM events WHERE type = 'StepInterrupted'`).Scan(&interrupted); err != nil {
		t.Fatal(err)
	}
	t.Logf("%v; the slowest drain took %s; no order lay still for longer than %s", r.Status, longest, r.Longest)
	if interrupted > 0 {
		t.Errorf("%d steps were interrupted, want none", interrupted)
	}
	if r.Longest > longest+15*time.Second { // polling, and a machine with other things to do
		t.Errorf("an order lay still for %s; the slowest drain took %s", r.Longest, longest)
	}
	for _, what := range append(s.Surprises(), l.Wrong()...) {
		t.Error(what)
	}
}
