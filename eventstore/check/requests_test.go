package check_test

import (
	"testing"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/eventstore/check"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestRun_requests: orders that operators have cancelled or failed, and new tries, are as they should be. If the message
// that turns an order round is gone, it is stuck.
func TestRun_requests(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		b := &bench{t: t, db: open(t)}
		var err error
		if b.store, err = eventstore.Open(t.Context(), b.db, eventstore.Config{Outbox: outbox{}}); err != nil {
			t.Fatal(err)
		}
		s := domain.Scheduling
		start, done := domain.StartStep{Step: s, Attempt: 1, Node: "n"}, domain.CompleteStep{Step: s, Attempt: 1}
		cancel, back := domain.Cancel{Reason: "r"}, domain.RollBackStep{Step: s, Attempt: 1, Node: "n"}
		b.place(1, "t-1", `{}`) // at level 1, as it reserves a key that no event names
		b.store.Allow(domain.EventLevel)
		b.do(1, cancel)
		b.do(2, domain.Place{TrackingID: "t-1", RetryOf: order(1)}, start, cancel) // holds no reservation
		b.do(3, domain.Place{}, start, done, cancel, back)
		b.do(4, domain.Place{}, domain.Park{Reason: "poison"}, domain.Fail{Reason: "r"})
		b.do(5, domain.Place{}, start, cancel, domain.InterruptStep{Step: s, Attempt: 1, Reason: "cut"})
		if r := b.run(check.Config{}); !r.Clean() || r.Orders != 5 || r.OnTheirWay != 2 {
			t.Errorf("%+v; want 5 orders, 2 on their way, and no violation", r)
		}
		if err := b.exec(`DELETE FROM outbox WHERE topic = 'rollback'`); err != nil {
			t.Fatal(err)
		}
		if r := b.run(check.Config{}); len(r.Violations) != 1 || r.Violations[0].Kind != check.Stuck || r.Violations[0].OrderID != order(5).String() {
			t.Errorf("found %+v, want order 5 stuck", r.Violations)
		}
	})
}
