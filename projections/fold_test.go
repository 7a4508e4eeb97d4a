package projections

import (
	"testing"

	"orderflow/domain"
	"orderflow/schema/schematest"
)

// TestFold_settle: what has been written is not held, except the state of orders under
// way.
func TestFold_settle(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	ids := f.placeMany(3)
	f.do(ids[0], complete("n", domain.Steps()...)...)
	events, err := f.ReadLog(t.Context(), 0, 0, 100)
	must(t, err)
	fold := newFold(tableOf(f.db, next), f.Store, nil)
	for _, r := range events { // in batches of one
		must(t, fold.apply(t.Context(), f.db, []domain.Recorded{r}, false))
	}
	if fold.bytes == 0 || fold.ended() != 1 || len(fold.orders) != 3 {
		t.Errorf("%d bytes, %d ended, %d orders are held; want some, 1, 3", fold.bytes, fold.ended(), len(fold.orders))
	}
	if c := fold.changes(true, 10, 1<<20); len(c.inserts) != 1 || c.inserts[0].id != ids[0] {
		t.Errorf("the rows of what has ended are %+v", c.inserts)
	}
	fold.settle(10)
	if c := fold.changes(false, 1, 1<<20); len(c.inserts) != 1 {
		t.Errorf("%d rows, want 1 at most", len(c.inserts))
	}
	fold.settle(10)
	fold.changes(false, 10, 1<<20)
	fold.settle(10)
	for _, e := range fold.orders {
		if e.order.Detail != nil {
			t.Errorf("the detail of order %s is still held", e.order.ID)
		}
	}
	if fold.bytes != 0 || len(fold.orders) != 2 {
		t.Errorf("%d bytes and %d orders are held, want 0 and 2", fold.bytes, len(fold.orders))
	}
	fold.settle(1)
	if len(fold.orders) != 0 {
		t.Errorf("%d orders are held, want none", len(fold.orders))
	}
}

// TestRebuild_once: an order that ends while the log is read is written once, however
// many batches its events are spread over, and its detail is not held any longer.
func TestRebuild_once(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	ids := f.placeMany(20)
	for _, c := range complete("n", domain.Steps()...) {
		for _, id := range ids[:15] {
			f.do(id, c)
		}
	}
	f.exec(`CREATE TRIGGER written_once BEFORE UPDATE ON orders_next BEGIN SELECT RAISE(ABORT, 'written twice'); END`)
	_, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{BatchSize: 20, limits: limits{rows: 2, orders: 100, bytes: 1 << 20}})
	must(t, err)
	f.sameAsStreams(ids)
}
