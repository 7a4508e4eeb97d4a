package rows

import (
	"testing"

	"orderflow/domain"
	"orderflow/projections/internal/logtest"
	"orderflow/schema/schematest"
)

// TestFold_Committed: what has been written is not held, except the state of orders under
// way.
func TestFold_Committed(t *testing.T) {
	f := logtest.New(t, schematest.SQLite(t))
	ids := f.PlaceMany(3)
	f.Do(ids[0], logtest.Complete("n", domain.Steps()...)...)
	events, err := f.ReadLog(t.Context(), 0, 0, 100)
	logtest.Must(t, err)
	fold := NewFold(TableOf(f.DB, NextTable), f.Store, nil)
	for _, r := range events { // in batches of one
		logtest.Must(t, fold.Apply(t.Context(), f.DB, []domain.Recorded{r}, false))
	}
	if fold.bytes == 0 || fold.Ended() != 1 || len(fold.orders) != 3 {
		t.Errorf("%d bytes, %d ended, %d orders are held; want some, 1, 3", fold.bytes, fold.Ended(), len(fold.orders))
	}
	if c := fold.Changes(true, 10, 1<<20); len(c.inserts) != 1 || c.inserts[0].ID != ids[0] {
		t.Errorf("the rows of what has ended are %+v", c.inserts)
	}
	fold.Committed(10)
	if c := fold.Changes(false, 1, 1<<20); len(c.inserts) != 1 {
		t.Errorf("%d rows, want 1 at most", len(c.inserts))
	}
	fold.Committed(10)
	fold.Changes(false, 10, 1<<20)
	fold.Committed(10)
	for _, e := range fold.orders {
		if e.order.Detail != nil {
			t.Errorf("the detail of order %s is still held", e.order.ID)
		}
	}
	if fold.bytes != 0 || len(fold.orders) != 2 {
		t.Errorf("%d bytes and %d orders are held, want 0 and 2", fold.bytes, len(fold.orders))
	}
	fold.Committed(1)
	if len(fold.orders) != 0 {
		t.Errorf("%d orders are held, want none", len(fold.orders))
	}
}
