package handlers

import (
	"context"
	"errors"
	"slices"
	"testing"

	"orderflow/domain"
)

// along delivers the next message to a node that goes on with the order as long as may
// says yes, as a subscriber does, and gives the topics that it handled.
func (b *bench) along(may func(topic string) bool) (topics []string) {
	b.t.Helper()
	msg, lease := b.claim("n1", 1)
	for {
		lease.may = may
		topics = append(topics, lease.Topic)
		err := b.handle(context.Background(), lease, msg)
		b.ended(lease, err)
		if err != nil {
			b.t.Fatal(err)
		}
		if lease.next == nil {
			return topics
		}
		lease, msg = lease.passed()
	}
}

func always(string) bool { return true }

func TestSteps_Handler_pass(t *testing.T) {
	b := newBench(t)
	got := b.along(always)
	if want := []string{"scheduling", "pre-processing", "processing", "post-processing"}; !slices.Equal(got, want) {
		t.Errorf("handled %q, want %q", got, want)
	}
	b.wantLog(0, "OrderPlaced",
		"started Scheduling 1 n1", "completed Scheduling 1", "started PreProcessing 1 n1", "completed PreProcessing 1",
		"started Processing 1 n1", "completed Processing 1", "started PostProcessing 1 n1", "completed PostProcessing 1", "OrderCompleted")
	b.wantDone()
	if n := len(b.exec.executed); n != domain.StepCount {
		t.Errorf("executed %d times, want once for each step", n)
	}

	t.Run("as far as the node wants", func(t *testing.T) {
		b := newBench(t)
		got := b.along(func(topic string) bool { return topic == "pre-processing" })
		if want := []string{"scheduling", "pre-processing"}; !slices.Equal(got, want) {
			t.Errorf("handled %q, want %q", got, want)
		}
		b.wantLog(4, "completed PreProcessing 1")
		b.must(2) // the rest goes by the outbox
		b.wantDone()
	})
	t.Run("not after a failure", func(t *testing.T) {
		b := newBench(t)
		b.exec.execute = func(context.Context, Work) error { return errors.New("no") }
		if got := b.along(always); !slices.Equal(got, []string{"scheduling"}) {
			t.Errorf("handled %q, want scheduling alone", got)
		}
		b.wantLog(2, "failed Scheduling 1: no")
	})
	t.Run("not against a rule", func(t *testing.T) {
		b := newBench(t)
		b.exec.execute = func(context.Context, Work) error {
			// An operator's event: what the step did counts, and the next does not start.
			b.exec.succeed()
			b.mu.Lock()
			defer b.mu.Unlock()
			b.streams[b.id] = append(b.streams[b.id], b.record(domain.Metadata{}, b.id, domain.OrderParked{Step: domain.Scheduling, Reason: "stop"}, 3))
			return nil
		}
		if got := b.along(always); !slices.Equal(got, []string{"scheduling"}) {
			t.Errorf("handled %q, want scheduling alone", got)
		}
		b.wantLog(2, "parked at Scheduling: stop", "completed Scheduling 1")
	})
	t.Run("is taken over when its node is lost", func(t *testing.T) {
		b := newBench(t)
		b.exec.execute = func(_ context.Context, w Work) error {
			if w.Step == domain.PreProcessing && w.Attempt == 1 {
				panic("the node goes down here")
			}
			return nil
		}
		b.along(always)
		b.exec.succeed()
		b.must(domain.StepCount - 1)
		b.wantLog(4, "interrupted PreProcessing 1: panic: the node goes down here", "started PreProcessing 2 n1", "completed PreProcessing 2",
			"started Processing 1 n1", "completed Processing 1", "started PostProcessing 1 n1", "completed PostProcessing 1", "OrderCompleted")
	})
}
