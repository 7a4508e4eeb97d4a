package main

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestE2E_Paused stops a node in the middle of its steps for longer than its lease, and
// lets it go on: what it then says comes too late.
func TestE2E_Paused(t *testing.T) {
	t.Parallel()
	const orders = 10
	db := filepath.Join(t.TempDir(), "orders.db")
	flags := []string{"--step-duration", "1s", "--step-failure-rate", "0", "--workers", "10", "--heartbeat", "300ms", "--lease-ttl", "1500ms", "--max-interruptions", "20"}
	paused := start(t, db, flags...)
	placed := paused.api().place(orders)
	eventually(t, 20*time.Second, func() (bool, string) {
		running := paused.running(paused.Node)
		return running == orders, fmt.Sprintf("%d steps are running, want %d", running, orders)
	})
	paused.signal(syscall.SIGSTOP)
	successor := start(t, db, flags...)
	successor.untilEnded(orders, 40*time.Second)
	paused.signal(syscall.SIGCONT)

	// It is a member again, under another registration, and works.
	eventually(t, 20*time.Second, func() (bool, string) {
		s := paused.stat()
		return s.Epoch > 1 && s.Busy == 0, fmt.Sprintf("the node that was paused does not come back: %+v", s)
	})
	more := paused.api().place(orders)
	paused.untilEnded(2*orders, 40*time.Second)

	late, back := 0, 0
	for _, o := range append(placed, more...) {
		events := successor.api().history(o.id)
		checkNoOverlap(t, o.id, events)
		checkEnd(t, o.id, events)
		for _, e := range events {
			switch {
			case e.Type == "StepInterrupted" && e.Node == paused.Node:
				late++
			case e.Type == "StepCompleted" && e.Node == paused.Node:
				back++
			}
		}
	}
	t.Logf("%d steps were interrupted by the pause; the node that was paused completed %d after it", late, back)
	if late < orders { // more if a busy machine pauses it too
		t.Errorf("%d steps were interrupted by the pause, want at least %d", late, orders)
	}
	if back == 0 {
		t.Error("the node that was paused works on nothing any more")
	}
	must(t, "check", "--dsn", db)
}
