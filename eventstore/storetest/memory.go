package storetest

import (
	"bytes"
	"testing"

	"orderflow/domain"
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
	t.Run("an append that is remembered asks for no end of a stream", func(t *testing.T) {
		before := f.db.Stats().Statements
		_, err := f.Append(t.Context(), started(id, 4, 5))
		must(t, err)
		remembered := f.db.Stats().Statements - before
		before = f.db.Stats().Statements
		_, err = newFixture(t, f.db).Append(t.Context(), started(id, 5, 6))
		must(t, err)
		if opened := int64(1); !f.db.Dialect().RoundTrips() && f.db.Stats().Statements-before-opened != remembered+1 {
			t.Errorf("%d statements with and %d without memory, want one fewer", remembered, f.db.Stats().Statements-before-opened)
		}
	})
}
