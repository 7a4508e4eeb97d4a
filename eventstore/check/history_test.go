package check_test

import (
	"slices"
	"testing"

	"orderflow/domain"
	"orderflow/eventstore/check"
	"orderflow/schema/schematest"
)

// TestHistory judges one stream, as Run judges all.
func TestHistory(t *testing.T) {
	b := newBench(t, schematest.SQLite(t))
	load := func(n byte) []domain.Recorded {
		t.Helper()
		events, err := b.store.Load(t.Context(), order(n))
		if err != nil {
			t.Fatal(err)
		}
		return events
	}
	kinds := func(events []domain.Recorded) (all []string) {
		for _, v := range check.History(events) {
			all = append(all, v.Kind)
		}
		return all
	}
	altered, hole, unread := load(1), load(1), load(2)
	altered[0].Data = []byte(`{"detail":{"n":1}}`)
	hole = append(hole[:3:3], hole[4:]...)
	unread[1].Event = nil
	for _, c := range []struct {
		name   string
		events []domain.Recorded
		want   []string
	}{
		{"whole", load(2), nil}, {"none", nil, nil}, {"altered", altered, []string{check.Broken}},
		{"a hole", hole, []string{check.Hole, check.Broken, check.Illegal, check.Illegal}}, {"one that is not understood", unread, nil},
	} {
		if got := kinds(c.events); !slices.Equal(slices.Compact(got), slices.Compact(c.want)) {
			t.Errorf("%s: found %v, want %v", c.name, check.History(c.events), c.want)
		}
	}
}
