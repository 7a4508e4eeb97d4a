package handlers

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"orderflow/domain"
)

// TestSteps_Handler_newer: a message whose order has events of a newer program is left to others,
// however often it comes: it is not parked and nothing is counted against it.
func TestSteps_Handler_newer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, lines := logtest.NewNullLogger()
		b := newBench(t, func(c *StepsConfig) { c.Logger = logrus.NewEntry(logger) })
		b.newer = true
		const times = 5
		for i := range times {
			lease, err := b.deliver(t.Context())
			if err != nil || !lease.settled || lease.Interruptions != 0 || lease.Attempt != i+1 {
				t.Fatalf("delivery %d: attempt %d with %d interruptions, settled %v, err %v; want it given back", i+1, lease.Attempt, lease.Interruptions, lease.settled, err)
			}
		}
		if b.left() != 1 || len(b.letters()) != 0 || len(b.exec.executed) != 0 {
			t.Errorf("%d messages are left, %d dead letters, %d steps executed; want 1, 0, 0", b.left(), len(b.letters()), len(b.exec.executed))
		}
		if n := len(lines.AllEntries()); n != 1 {
			t.Errorf("it was said %d times, want once", n)
		}
		time.Sleep(sayAgain + time.Second)
		if _, err := b.deliver(t.Context()); err != nil || len(lines.AllEntries()) != 2 {
			t.Errorf("it was said %d times after a while, err %v; want again", len(lines.AllEntries()), err)
		}
		b.newer = false // a node that understands takes it
		b.must(1)
		b.wantLog(1, "started Scheduling 7 n1", "completed Scheduling 7")
	})
}

// TestSteps_Handler_newerMeanwhile: the event came while the step was being worked on.
func TestSteps_Handler_newerMeanwhile(t *testing.T) {
	b := newBench(t)
	b.fail(fault{}, fault{before: domain.ErrConflict, hook: func() { b.newer = true }})
	if lease, err := b.deliver(context.Background()); err != nil || !lease.settled {
		t.Fatalf("settled %v, err %v; want it given back", lease.settled, err)
	}
	b.newer = false
	b.wantLog(1, "started Scheduling 1 n1")
	if b.left() != 1 || len(b.letters()) != 0 {
		t.Errorf("%d messages are left, %d dead letters; want 1, 0", b.left(), len(b.letters()))
	}
}

// TestPoison_newer: what is not understood is no poison, wherever it comes from.
func TestPoison_newer(t *testing.T) {
	if hopeless(domain.ErrNewer) {
		t.Error("an event that this program does not understand is taken for one that nobody ever will")
	}
}
