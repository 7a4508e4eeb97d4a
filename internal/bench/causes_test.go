package bench

import (
	"slices"
	"testing"

	"orderflow/schema"
)

func TestCauseOf(t *testing.T) {
	for _, c := range []struct {
		functions []string // the last called first
		want      string
	}{
		{[]string{"schema.(*DB).InTx", "a/store.(*commit).write", "a/store.(*Store).work.func1", "a/store.(*Store).work"}, "store.Store.work > store.commit.write"},
		{[]string{"schema.(*DB).QueryContext", "inflight.collect[...]", "inflight.(*Nodes).List", "cmd/orderflow/node.every.func1"}, "inflight.Nodes.List"},
		{[]string{"schema.(*DB).QueryContext", "projections.(*Views).Counts", "internal/bench.completed", "internal/bench.Run"}, ""},
		{[]string{"schema.(*DB).InTx", "internal/bench.Run"}, "other"},
		{[]string{"a/retention.(*Sweeper).Sweep.DB.QueryRowContext.func1"}, "retention.Sweeper.Sweep"},
	} {
		if got := causeOf(c.functions); got != c.want {
			t.Errorf("%v: %q, want %q", c.functions, got, c.want)
		}
	}
}

func TestCauses(t *testing.T) {
	var c causes
	telling := func(added schema.Stats) { c.tell(added) }
	telling(schema.Stats{Statements: 3, RoundTrips: 3})
	func() { telling(schema.Stats{Transactions: 1, RoundTrips: 2}) }()
	all, sum := c.each(2)
	if want := (Cost{Statements: 1.5, Transactions: 0.5, RoundTrips: 2.5}); sum != want || len(all) != 1 || all[0].Cause != "other" {
		t.Errorf("%+v, in all %+v; want %+v from one cause, since all callers are in this package", all, sum, want)
	}
	if f := callers(); !slices.Contains(f, "internal/bench.TestCauses") {
		t.Errorf("the callers are %v", f)
	}
}
