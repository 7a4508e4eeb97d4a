package eventstore_test

import (
	"bytes"
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
	proxy, dsn := schematest.NewProxy(t, schematest.SQLServerDSN(t))
	db, err := schema.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
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

// TestStore_Append_lateCommit: a COMMIT whose client has lost its connection may still arrive. The store says
// nothing of the append before it knows that it cannot, and then the truth.
func TestStore_Append_lateCommit(t *testing.T) {
	proxy, _, store := overNetwork(t, 60*time.Second)
	if _, err := store.Append(t.Context(), placing()); err != nil {
		t.Fatal(err)
	}
	release := proxy.HoldCommit()
	defer release()
	type outcome struct {
		work.Outcome
		err error
	}
	answer := make(chan outcome, 1)
	go func() {
		o, err := store.Append(t.Context(), starting(1))
		answer <- outcome{o, err}
	}()
	// It looks for what became of the COMMIT, on a connection that may have to be opened first, and waits.
	look := regexp.MustCompile(`(?m)^SELECT hash FROM events`)
	looks := func(s schematest.Statement) bool { return look.MatchString(s.Text) }
	for !slices.ContainsFunc(slices.Collect(maps.Keys(proxy.Statements())), looks) && len(answer) == 0 {
		time.Sleep(time.Millisecond)
	}
	select {
	case o := <-answer:
		t.Fatalf("while the COMMIT was still on its way, the append said %v", o.err)
	case <-time.After(500 * time.Millisecond):
	}
	release()
	o := <-answer
	if o.err != nil {
		t.Fatalf("the append: %v", o.err)
	}
	events, err := store.Load(t.Context(), domain.OrderID{1, 15: 1})
	if err != nil || len(events) != 2 || !bytes.Equal(events[1].Hash, o.Events[0].Hash) {
		t.Fatalf("%d events, err %v; want 2, the second as it was reported", len(events), err)
	}
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
