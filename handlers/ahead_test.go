package handlers

import (
	"context"
	"errors"
	"testing"

	"orderflow/domain"
)

// ahead remembers more of an order than is stored, as the store of a node does for a moment after
// a backup was restored.
type ahead struct {
	Store
	remembered []domain.Recorded
}

func (a *ahead) LoadAt(ctx context.Context, id domain.OrderID, position int64) ([]domain.Recorded, error) {
	if a.remembered != nil {
		return a.remembered, nil
	}
	return a.Store.LoadAt(ctx, id, position)
}

// newAhead is an order of which stored deliveries are in the database, and its node remembers more
// deliveries, the last of them up to an event.
func newAhead(t *testing.T, execute func(context.Context, Work) error, stored, more, events int) *bench {
	t.Helper()
	store := &ahead{}
	b := newBench(t, func(c *StepsConfig) { store.Store, c.Store = c.Store, store })
	future := newBench(t)
	b.exec.execute, future.exec.execute = execute, execute
	b.must(stored)
	future.must(stored + more)
	remembered, err := future.Load(t.Context(), future.id)
	if err != nil {
		t.Fatal(err)
	}
	store.remembered = remembered[:events]
	b.exec.executed = nil
	return b
}

var (
	wholeRun = []string{
		"OrderPlaced", "started Scheduling 1 n1", "completed Scheduling 1", "started PreProcessing 1 n1", "completed PreProcessing 1",
		"started Processing 1 n1", "completed Processing 1", "started PostProcessing 1 n1", "completed PostProcessing 1", "OrderCompleted",
	}
	errSteel = errors.New("no steel")
)

// TestSteps_Handler_ahead: no message is dropped because of what a node remembers.
func TestSteps_Handler_ahead(t *testing.T) {
	for name, events := range map[string]int{"an open attempt": 2, "one step": 3, "three steps": 7, "the end": 10} {
		t.Run(name, func(t *testing.T) {
			b := newAhead(t, nil, 0, domain.StepCount, events)
			b.must(1)
			b.wantLog(0, wholeRun[:3]...)
		})
	}
	t.Run("a rollback", func(t *testing.T) {
		fails := func(_ context.Context, w Work) error {
			if w.Step == domain.PreProcessing {
				return errSteel
			}
			return nil
		}
		for _, events := range []int{6, 8} {
			b := newAhead(t, fails, 2, 1, events)
			b.must(1)
			b.wantLog(5, "rolled back PreProcessing", "rolled back Scheduling", "order failed at PreProcessing: no steel")
			b.wantDone()
		}
	})
	t.Run("nonsense", func(t *testing.T) {
		b := newAhead(t, nil, 0, domain.StepCount, 10)
		remembered := b.steps.conf.Store.(*ahead).remembered
		remembered[4], remembered[5] = remembered[5], remembered[4]
		b.must(1)
		b.wantLog(0, wholeRun[:3]...)
	})
	t.Run("a message that is out of date is dropped", func(t *testing.T) {
		b := newAhead(t, nil, 0, 1, 3)
		b.append(nil, domain.StartStep{Step: domain.Scheduling, Attempt: 2, Node: "n2"})
		b.dropped()
		if n := len(b.exec.executed); n != 0 {
			t.Errorf("executed %d times", n)
		}
	})
}

// TestSteps_Handler_takenBack: a rule that forbids the outcome of a step does not drop the message
// while the order, as it is stored, waits for that step.
func TestSteps_Handler_takenBack(t *testing.T) {
	b := newBench(t)
	b.exec.execute = func(context.Context, Work) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.exec.executed) == 1 {
			b.streams[b.id] = b.streams[b.id][:1]
		}
		return nil
	}
	b.must(1)
	b.wantLog(0, wholeRun[:3]...)
	if n := len(b.exec.executed); n != 2 {
		t.Errorf("executed %d times, want twice: before the start was taken back, and after it", n)
	}
}
