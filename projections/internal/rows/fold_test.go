package rows

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

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

// held is a database in which somebody holds all rows, where readers wait for writers.
type held struct{ Querier }

func (held) QueryContext(ctx context.Context, _ string, _ ...any) (*sql.Rows, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestFold_Apply_held: rows that somebody holds are waited for as long as the fold may, and no longer than its
// caller.
func TestFold_Apply_held(t *testing.T) {
	f := logtest.New(t, schematest.SQLite(t))
	f.Do(f.Place("a"), logtest.Start(domain.Scheduling, 1, "n"))
	events, err := f.ReadLog(t.Context(), 0, 1, 1)
	logtest.Must(t, err)
	fold := NewFold(TableOf(f.DB, LiveTable), f.Store, nil)
	fold.Patience = time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := fold.Apply(ctx, held{f.DB}, events, false); !errors.Is(err, ErrStill) {
		t.Errorf("err %v, want ErrStill", err)
	}
	cancel()
	if err := fold.Apply(ctx, held{f.DB}, events, false); !errors.Is(err, context.Canceled) || errors.Is(err, ErrStill) {
		t.Errorf("err %v, want that of the caller", err)
	}
}
