package bench

import (
	"context"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/eventstore/check"
	"orderflow/projections"
	"orderflow/projections/verify"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

func openStore(t *testing.T, db *schema.DB) *eventstore.Store {
	t.Helper()
	store, err := eventstore.Open(t.Context(), db, eventstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestSeed holds that generated orders are what the system could have made.
func TestSeed(t *testing.T) {
	const n = 2*sideBySide + 7 // whole batches and a part of one
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		for _, partitions := range []int{1, 3} {
			db := open(t)
			schematest.Partitions(t, db, partitions)
			store := openStore(t, db)
			told := 0
			events := int64(0)
			for _, n := range []int{n - 2*sideBySide, n, 5} { // one that has fewer is added to
				more, err := seed(t.Context(), db, store, n, func(done int) { told = done })
				if err != nil || (more == 0) != (n == 5) {
					t.Fatal(n, more, err)
				}
				events += more
			}
			r := run{Config: Config{Progress: func(string, ...any) {}}}
			if _, err := r.rebuild(t.Context(), db, store); err != nil {
				t.Fatal(err)
			}
			report, err := check.Run(t.Context(), db, store, check.Config{})
			if err != nil || !report.Clean() || report.Orders != n || report.Events != events || report.OnTheirWay != 0 || told != n {
				t.Errorf("%+v, %v, told of %d; want %d orders of %d events in all, and nothing wrong", report, err, told, n, events)
			}
			verified, err := verify.Run(t.Context(), db, store, verify.Config{})
			if err != nil || !verified.Clean() || verified.Orders != n {
				t.Errorf("%+v, %v; want %d orders and nothing wrong", verified, err, n)
			}
			counts, err := projections.NewViews(db, store).Counts(t.Context())
			if err != nil || counts[domain.StatusFailed] != n/failsEvery || counts[domain.StatusCompleted] != n-n/failsEvery {
				t.Errorf("%v, %v; want one of %d orders failed", counts, err, failsEvery)
			}
		}
	})
}

func TestHistory(t *testing.T) {
	placed := time.Now()
	for failing := -1; failing < domain.StepCount; failing++ {
		events, err := history(newID(placed), "track", placed, failing)
		if err != nil {
			t.Fatal(err)
		}
		o, err := domain.Fold(events)
		if err != nil {
			t.Fatal(err)
		}
		want, status := eventsPerOrder, domain.StatusCompleted
		if failing >= 0 {
			want, status = 1+2*(failing+1)+failing+1+1, domain.StatusFailed
		}
		if len(events) != want || o.Status() != status {
			t.Errorf("failing at %d: %d events, %s; want %d, %s", failing, len(events), o.Status(), want, status)
		}
	}
}

func TestFloor(t *testing.T) {
	s, err := newScratch(t.Context(), "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f, err := floor(t.Context(), s, 25, 100) // the last transaction is not full
	if err != nil || f.took <= 0 || f.bytes <= 0 {
		t.Errorf("%+v, %v; want time and bytes", f, err)
	}
	if err := s.remove(); err != nil {
		t.Error(err)
	}
}

// TestFillFloor holds that the floor's rows are those of whole orders.
func TestFillFloor(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db, ctx := open(t), context.Background()
		if err := createFloor(ctx, db); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		like, err := history(newID(now), "bench-000000", now, -1)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := fillFloor(ctx, db, like, 200, 1000); err != nil {
			t.Fatal(err)
		}
		var rows, orders, last int
		err = db.QueryRowContext(ctx, `SELECT COUNT(*), COUNT(DISTINCT stream_id), MAX(version) FROM floor_events`).Scan(&rows, &orders, &last)
		if err != nil || rows != 2000 || orders != 200 || last != eventsPerOrder {
			t.Errorf("%d rows of %d orders with %d versions, %v; want 2000, 200, %d", rows, orders, last, err, eventsPerOrder)
		}
	})
}
