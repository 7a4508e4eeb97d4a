package check_test

import (
	"regexp"
	"slices"
	"testing"

	"orderflow/domain"
	"orderflow/eventstore/check"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// since checks the whole log in parts of some events.
func (b *bench) since(most int) (all check.Part) {
	b.t.Helper()
	all.To = make([]int64, b.store.Partitions())
	for more := true; more; {
		p, err := check.Since(b.t.Context(), b.db, b.store, all.To, most)
		if err != nil {
			b.t.Fatal(err)
		}
		all.To, more = p.To, p.More
		all.Orders, all.Violations = append(all.Orders, p.Orders...), append(all.Violations, p.Violations...)
	}
	return all
}

// TestSince_clean: in parts of any size the whole log is read, each order that has new events is checked, and what was
// checked is not read again.
func TestSince_clean(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		b := newBench(t, open(t))
		heads, err := b.store.Heads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, most := range []int{1, 7, 1000} {
			all := b.since(most)
			slices.SortFunc(all.Orders, func(x, y domain.OrderID) int { return slices.Compare(x[:], y[:]) })
			if ids := slices.Compact(all.Orders); len(ids) != 4 || len(all.Violations) > 0 || !slices.Equal(all.To, heads) {
				t.Errorf("parts of %d: %d orders up to %v, found %v; want 4 up to %v, and nothing", most, len(ids), all.To, all.Violations, heads)
			}
		}
		b.do(5, domain.Place{})
		p, err := check.Since(t.Context(), b.db, b.store, heads, 1000)
		if err != nil || !slices.Equal(p.Orders, []domain.OrderID{order(5)}) || p.Events != 1 || p.More || len(p.Violations) > 0 {
			t.Errorf("after one more order: %+v, err %v", p, err)
		}
		r, err := check.Orders(t.Context(), b.db, b.store, []domain.OrderID{order(1), order(3), order(9)})
		if err != nil || !r.Clean() || r.Orders != 2 || r.OnTheirWay != 1 {
			t.Errorf("two orders and one that there is not: %+v, err %v", r, err)
		}
	})
}

// TestSince_finds breaks one thing at a time, in the part that is new.
func TestSince_finds(t *testing.T) {
	s, id := domain.Steps(), func(n byte) []byte { i := order(n); return i[:] }
	cases := map[string]struct {
		kind, what string
		do         func(b *bench)
	}{
		"hole in the log": {check.Hole, `partition \d+, position \d+: position \d+ follows \d+$`, func(b *bench) {
			b.tamper(`DELETE FROM events WHERE stream_id = ?1 AND version = 4`, id(1))
		}},
		"end cut off": {check.Lost, `the log ends at \d+, and was checked up to \d+`, func(b *bench) {
			b.tamper(`DELETE FROM events WHERE stream_id = ?1 AND version = 3`, id(2))
			b.tamper(`UPDATE heads SET head = 2 WHERE partition = ?1`, b.store.Partition(order(2)))
		}},
		"moved to another partition": {check.Misplaced, "the order belongs to partition", func(b *bench) {
			b.tamper(`UPDATE events SET partition = ?1, position = 1000 WHERE stream_id = ?2 AND version = 1`, (b.store.Partition(order(3))+1)%3, id(3))
		}},
		"altered data": {check.Broken, "hash", func(b *bench) {
			b.tamper(`UPDATE events SET data = '{"detail":{"n":1}}' WHERE stream_id = ?1 AND version = 1`, id(1))
		}},
		"unreadable data":   {check.Unread, "decode", func(b *bench) { b.tamper(`UPDATE events SET data = '[]' WHERE stream_id = ?1 AND version = 2`, id(1)) }},
		"two attempts open": {check.Illegal, "attempt Scheduling#1 was open", func(b *bench) { b.force(3, 2, domain.StepStarted{Step: s[0], Attempt: 2, Node: "m"}) }},
		"order without reservation": {check.Key, "no reservation of it", func(b *bench) {
			b.tamper(`DELETE FROM reservations WHERE order_id = ?1`, id(1))
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
				b := newBench(t, open(t))
				before, err := b.store.Heads(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				c.do(b)
				after := make([]int64, len(before))
				if c.kind == check.Lost {
					after = before
				}
				p, err := check.Since(t.Context(), b.db, b.store, after, 1000)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range p.Violations {
					if v.Kind == c.kind && regexp.MustCompile(c.what).MatchString(v.String()) {
						return
					}
				}
				t.Errorf("no %s %q among %v", c.kind, c.what, p.Violations)
			})
		})
	}
}

// TestOrders_stuck: an order that has lost its message is found where it is asked for.
func TestOrders_stuck(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		b := newBench(t, open(t))
		b.tamper(`DELETE FROM outbox WHERE uuid = ?1`, domain.EventID(order(3), 1))
		r, err := check.Orders(t.Context(), b.db, b.store, []domain.OrderID{order(1), order(3)})
		if err != nil || len(r.Violations) != 1 || r.Violations[0].Kind != check.Stuck || r.Violations[0].OrderID != order(3).String() {
			t.Errorf("found %v, err %v; want that order 3 is stuck", r.Violations, err)
		}
	})
}
