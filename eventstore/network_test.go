package eventstore_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// overNetwork gives a store that reaches its SQL Server through a proxy.
func overNetwork(t *testing.T, timeout time.Duration) (*schematest.Proxy, *schema.DB, *eventstore.Store) {
	t.Helper()
	schematest.NeedSQLServer(t)
	proxy, db := schematest.Through(t, schematest.SQLServerDSN(t))
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	store, err := eventstore.Open(t.Context(), db, eventstore.Config{Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return proxy, db, store
}

func placing() work.Unit {
	return work.Unit{OrderID: domain.OrderID{1, 15: 1}, Events: []domain.Event{domain.OrderPlaced{TrackingID: "t"}}}
}

func starting(version int) work.Unit {
	return work.Unit{OrderID: domain.OrderID{1, 15: 1}, Expected: version, Events: []domain.Event{
		domain.StepStarted{Step: domain.Scheduling, Attempt: version, Node: "n"},
	}}
}

// TestStore_Append_lostCommit: whether the COMMIT was lost on its way there or its
// answer on the way back, the append takes place once and its caller hears of it.
func TestStore_Append_lostCommit(t *testing.T) {
	for name, seen := range map[string]bool{"the request is lost": false, "the answer is lost": true} {
		t.Run(name, func(t *testing.T) {
			proxy, db, store := overNetwork(t, 20*time.Second)
			if _, err := store.Append(t.Context(), placing()); err != nil {
				t.Fatal(err)
			}
			proxy.LoseCommit(seen)
			recorded, err := store.Append(t.Context(), starting(1))
			if err != nil {
				t.Fatalf("the append failed: %v", err)
			}
			if n := db.Stats().Retries; !seen && n == 0 {
				t.Error("the transaction that was begun again was not counted")
			}
			events, err := store.Load(t.Context(), domain.OrderID{1, 15: 1})
			if err != nil || len(events) != 2 || !bytes.Equal(events[1].Hash, recorded.Events[0].Hash) {
				t.Fatalf("%d events, err %v; want 2, the second as it was reported", len(events), err)
			}
			if _, err := store.Append(t.Context(), starting(2)); err != nil {
				t.Fatalf("the next append: %v", err)
			}
		})
	}
}

// outcome is what an append said.
type outcome struct {
	work.Outcome
	err error
}

// checkOutcome holds that the append of starting(1) took place once, as it was said.
func checkOutcome(t *testing.T, store *eventstore.Store, o outcome) {
	t.Helper()
	if o.err != nil {
		t.Fatalf("the append: %v", o.err)
	}
	events, err := store.Load(t.Context(), domain.OrderID{1, 15: 1})
	if err != nil || len(events) != 2 || !bytes.Equal(events[1].Hash, o.Events[0].Hash) {
		t.Fatalf("%d events, err %v; want 2, the second as it was reported", len(events), err)
	}
	if _, err := store.Append(t.Context(), starting(2)); err != nil {
		t.Fatalf("the next append: %v", err)
	}
}

// untilLooks waits until the store has asked what became of a commit, or has said something.
func untilLooks(proxy *schematest.Proxy, answer <-chan outcome) {
	look := regexp.MustCompile(`(?m)^SELECT hash FROM events`)
	looks := func(s schematest.Statement) bool { return look.MatchString(s.Text) }
	for !slices.ContainsFunc(slices.Collect(maps.Keys(proxy.Statements())), looks) && len(answer) == 0 {
		time.Sleep(time.Millisecond)
	}
}

// TestStore_Append_lateCommit: a COMMIT whose client has lost its connection may still arrive. The store says
// nothing of the append before it knows that it cannot, and then the truth.
func TestStore_Append_lateCommit(t *testing.T) {
	proxy, _, store := overNetwork(t, 60*time.Second)
	if _, err := store.Append(t.Context(), placing()); err != nil {
		t.Fatal(err)
	}
	release := proxy.HoldCommit()
	defer release()
	answer := make(chan outcome, 1)
	go func() { // with something more to do, it takes several steps, and the COMMIT comes alone
		o, err := store.AppendWith(t.Context(), starting(1), func(context.Context, *schema.Tx) error { return nil })
		answer <- outcome{o, err}
	}()
	untilLooks(proxy, answer) // on a connection that may have to be opened first
	select {
	case o := <-answer:
		t.Fatalf("while the COMMIT was still on its way, the append said %v", o.err)
	case <-time.After(500 * time.Millisecond):
	}
	release()
	checkOutcome(t, store, <-answer)
}

// TestStore_Append_late: a transaction that is sent whole may arrive after its client has lost its connection,
// looked for it in vain, and sent it again.
func TestStore_Append_late(t *testing.T) {
	proxy, _, store := overNetwork(t, 60*time.Second)
	if _, err := store.Append(t.Context(), placing()); err != nil {
		t.Fatal(err)
	}
	release := proxy.HoldCommit()
	defer release()
	o, err := store.Append(t.Context(), starting(1))
	release()
	checkOutcome(t, store, outcome{o, err})
}

// TestStore_Append_lateAndQueued: such a transaction may also arrive between the look and the next try, which then
// finds that somebody was quicker.
func TestStore_Append_lateAndQueued(t *testing.T) {
	proxy, db, store := overNetwork(t, 60*time.Second)
	if _, err := store.Append(t.Context(), placing()); err != nil {
		t.Fatal(err)
	}
	free := schematest.Hold(t, db, 1, `UPDATE heads SET head = head + 1 WHERE partition = ?1`, store.Partition(domain.OrderID{1, 15: 1}))
	release := proxy.HoldCommit()
	defer release()
	answer := make(chan outcome, 1)
	go func() {
		o, err := store.Append(t.Context(), starting(1))
		answer <- outcome{o, err}
	}()
	untilLooks(proxy, answer)          // and waits for the head
	release()                          // now it waits for the head, too
	time.Sleep(300 * time.Millisecond) // as a rule it is in the queue by then; whoever is first, the outcome is the same
	free()
	checkOutcome(t, store, <-answer)
}

// TestStore_Append_silence: on a connection that has died without a word an append
// fails in bounded time, as unavailable, and the store works again afterwards.
func TestStore_Append_silence(t *testing.T) {
	proxy, _, store := overNetwork(t, 2*time.Second)
	if _, err := store.Append(t.Context(), placing()); err != nil {
		t.Fatal(err)
	}
	proxy.Silence(true)
	_, err := store.Append(t.Context(), starting(1))
	if !errors.Is(err, domain.ErrUnavailable) {
		t.Fatalf("err = %v, want ErrUnavailable", err)
	}
	proxy.Silence(false)
	proxy.Cut()
	version, err := store.Version(t.Context(), domain.OrderID{1, 15: 1})
	if err != nil || version != 1 {
		t.Fatalf("version %d, err %v; want 1: nothing of the append was kept", version, err)
	}
	if _, err := store.Append(t.Context(), starting(1)); err != nil {
		t.Fatalf("the append after the silence: %v", err)
	}
}

// TestStore_Append_cut: connections that are cut between appends cost no append.
func TestStore_Append_cut(t *testing.T) {
	proxy, _, store := overNetwork(t, 20*time.Second)
	if _, err := store.Append(t.Context(), placing()); err != nil {
		t.Fatal(err)
	}
	proxy.Delay(2 * time.Millisecond)
	for version := 1; version <= 5; version++ {
		proxy.Cut()
		if _, err := store.Append(t.Context(), starting(version)); err != nil {
			t.Fatalf("append at version %d: %v", version, err)
		}
	}
}
