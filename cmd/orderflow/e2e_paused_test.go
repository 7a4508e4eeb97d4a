package main

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"orderflow/schema"
)

// TestE2E_Paused stops a node in the middle of its steps for longer than its lease, and
// lets it go on: what it then says comes too late, and what is placed then it works on.
func TestE2E_Paused(t *testing.T) { onEachDatabase(t, testPaused) }

func testPaused(t *testing.T, db string) {
	const orders = 10
	flags := append(quickLeases(db), "--step-failure-rate", "0", "--workers", "10", "--max-interruptions", "20")
	paused := start(t, db, append(flags, "--step-duration", "2s")...)
	placed := paused.api().place(orders)
	eventually(t, func() (bool, string) {
		running := paused.running(paused.Node)
		return running == orders, fmt.Sprintf("%d steps are running, want %d", running, orders)
	})
	paused.pause(db)
	successor := start(t, db, append(flags, "--step-duration", "200ms")...)
	successor.untilEnded(orders)
	paused.signal(syscall.SIGCONT)

	// It is a member again, under another registration, and works.
	eventually(t, func() (bool, string) {
		s := paused.stat()
		return s.Epoch > 1 && s.Busy == 0, fmt.Sprintf("the node that was paused does not come back: %+v", s)
	})
	successor.signal(syscall.SIGTERM) // so that there is nobody else for the rest
	if code := successor.wait(); code != exitDone {
		t.Errorf("the successor exited %d, want 0", code)
	}
	more := paused.api().place(orders)
	paused.untilEnded(2 * orders)

	late, back := 0, 0
	for _, o := range append(placed, more...) {
		events := paused.api().history(o.id)
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
	if want := orders * len(stepNames); back != want {
		t.Errorf("the node that was paused completed %d steps after it, want %d: all of the orders placed then", back, want)
	}
	must(t, "check", "--dsn", db)
}

// pause stops the process, but not in the middle of a transaction: who holds a SQLite file
// holds everybody up, whatever the leases say.
func (p *spawned) pause(dsn string) {
	p.t.Helper()
	if isServer(dsn) { // which locks rows
		p.signal(syscall.SIGSTOP)
		return
	}
	db, err := schema.Open(p.t.Context(), dsn)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	eventually(p.t, func() (bool, string) {
		p.signal(syscall.SIGSTOP)
		wrote := make(chan error, 1)
		go func() {
			wrote <- db.InTx(context.Background(), func(tx *schema.Tx) error {
				_, err := tx.ExecContext(context.Background(), `UPDATE nodes SET busy = busy WHERE node = ?1`, p.Node)
				return err
			})
		}()
		select {
		case err := <-wrote:
			return err == nil, fmt.Sprintf("nothing can be written: %v", err)
		case <-time.After(300 * time.Millisecond):
			p.signal(syscall.SIGCONT)
			return false, fmt.Sprintf("the process holds the file whenever it is stopped (then: %v)", <-wrote)
		}
	})
}
