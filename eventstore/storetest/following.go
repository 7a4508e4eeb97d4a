package storetest

import (
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// testFollower has two stores append in turns: what a follower of one gives is always
// the log, whether it comes from memory or not.
func testFollower(t *testing.T, open func(testing.TB) *schema.DB) {
	f := newFixture(t, open(t))
	other := newFixture(t, f.db)
	id := orderIn(f.Store, 0, 1)
	_, err := f.Append(t.Context(), placed(id))
	must(t, err)
	following := f.Follower()
	compare := func(after int64) {
		t.Helper()
		got, err := following.ReadLog(t.Context(), 0, after, 100)
		must(t, err)
		want, err := f.ReadLog(t.Context(), 0, after, 100)
		must(t, err)
		same(t, want, got)
	}
	for version := 1; version < 8; version++ {
		store := f
		if version%3 == 0 {
			store = other
		}
		_, err := store.Append(t.Context(), started(id, version, version))
		must(t, err)
		for after := range int64(version + 1) {
			events, err := following.ReadLog(t.Context(), 0, after, 1)
			if must(t, err); len(events) != 1 || events[0].Position != after+1 {
				t.Fatalf("after position %d: %d events", after, len(events))
			}
		}
		compare(int64(version))
	}
	last := work.Unit{OrderID: id, Expected: 8, Events: []domain.Event{domain.StepStarted{Step: domain.Scheduling, Attempt: 9, Node: "n"}}}
	_, err = f.Append(t.Context(), last)
	must(t, err)
	before := f.db.Stats().Statements
	_, err = following.ReadLog(t.Context(), 0, 8, 10)
	if must(t, err); f.db.Stats().Statements != before {
		t.Error("what the store has just appended was read from the database")
	}
}
