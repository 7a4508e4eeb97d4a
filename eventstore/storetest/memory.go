package storetest

import (
	"bytes"
	"errors"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
)

// testMemory has two stores on one database: what one remembers of a stream must never
// make it say or store what is no longer so.
func testMemory(t *testing.T, open func(testing.TB) *schema.DB) {
	f := newFixture(t, open(t))
	other := newFixture(t, f.db)
	id := order(1)
	_, err := f.Append(t.Context(), placed(id))
	must(t, err)
	mine, err := f.Append(t.Context(), started(id, 1, 1))
	must(t, err)
	theirs, err := other.Append(t.Context(), started(id, 2, 2))
	must(t, err)

	t.Run("an append that expects what is remembered", func(t *testing.T) {
		_, err := f.Append(t.Context(), started(id, 2, 3))
		want(t, err, domain.ErrConflict)
	})
	t.Run("a new order that is not new", func(t *testing.T) {
		_, err := newFixture(t, f.db).Append(t.Context(), placed(id))
		want(t, err, domain.ErrConflict)
	})
	t.Run("LoadAt a remembered event asks nobody", func(t *testing.T) {
		before := f.db.Stats().Statements
		events, err := f.LoadAt(t.Context(), id, mine.Events[0].Position)
		if must(t, err); len(events) != 2 || f.db.Stats().Statements != before {
			t.Fatalf("%d events and %d statements, want 2 and none", len(events), f.db.Stats().Statements-before)
		}
	})
	t.Run("LoadAt any other event reads", func(t *testing.T) {
		for range 2 { // the second time from memory
			events, err := f.LoadAt(t.Context(), id, theirs.Events[0].Position)
			if must(t, err); len(events) != 3 || !bytes.Equal(events[2].Hash, theirs.Events[0].Hash) {
				t.Fatalf("%d events, want 3, the last as the other store recorded it", len(events))
			}
		}
	})
	t.Run("the chain goes on after a stranger's event", func(t *testing.T) {
		_, err := f.Append(t.Context(), started(id, 3, 4))
		must(t, err)
		events, err := f.Load(t.Context(), id)
		must(t, err)
		var previous []byte
		for _, r := range events {
			if !bytes.Equal(eventstore.Hash(previous, r), r.Hash) {
				t.Errorf("version %d does not follow its predecessor", r.Version)
			}
			previous = r.Hash
		}
	})
	t.Run("a key that is taken is told, whoever took it", func(t *testing.T) {
		for i, store := range []*fixture{f, other, f} {
			a := placed(order(10 + i))
			a.Reservations = []work.Reservation{{Key: "key"}}
			var duplicate *domain.DuplicateError
			if _, err := store.Append(t.Context(), a); i > 0 && (!errors.As(err, &duplicate) || duplicate.OrderID != order(10)) || i == 0 && err != nil {
				t.Errorf("attempt %d: err = %v, want one that names the first order", i+1, err)
			}
		}
		if n := f.db.Stats().Retries; n != 0 {
			t.Errorf("%d transactions count as given up by the database, want none", n)
		}
	})
}

// testCost: what an append asks of the database. A store that is alone with a partition reads
// nothing that it can find out by writing, and the round trips are those of BEGIN, of all statements together,
// and of COMMIT. Another store, which has appended meanwhile, does not count as a failure.
func testCost(t *testing.T, open func(testing.TB) *schema.DB) {
	f := newFixture(t, open(t))
	id := order(1)
	_, err := f.Append(t.Context(), placed(id))
	must(t, err)
	for version := range 4 {
		_, err = f.Append(t.Context(), started(id, version+1, 1))
		must(t, err)
	}
	a := placed(orderIn(f.Store, f.Partition(id), 2))
	a.Reservations = []work.Reservation{{Key: "key"}}
	for _, c := range []struct {
		what       string
		unit       work.Unit
		statements int64 // where each is sent by itself
	}{
		{"an event: the head, the event", started(id, 5, 1), 2},
		{"a new order: the head, a key, the event, a message", a, 4},
	} {
		before := f.db.Stats()
		_, err := f.Append(t.Context(), c.unit)
		must(t, err)
		after := f.db.Stats()
		if f.db.Dialect().RoundTrips() {
			c.statements = 1
		}
		statements, trips := after.Statements-before.Statements, after.RoundTrips-before.RoundTrips
		if statements > c.statements || trips > 3 {
			t.Errorf("%s: %d statements and %d round trips, want %d and at most 3", c.what, statements, trips, c.statements)
		}
	}
	other := newFixture(t, f.db)
	for version, store := range []*fixture{other, f, other, f, f, f, f, f, f, other, f} {
		_, err := store.Append(t.Context(), started(id, 6+version, 1))
		must(t, err)
	}
	heads, err := f.Heads(t.Context())
	must(t, err)
	if n := f.db.Stats().Retries; n != 0 || heads[f.Partition(id)] != 18 {
		t.Errorf("%d transactions count as given up by the database, and the head is at %d; want none, and 18", n, heads[f.Partition(id)])
	}
}
