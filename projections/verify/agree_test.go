package verify_test

import (
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/projections/rebuild"
	"orderflow/projections/verify"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// cutOff removes the newest order and all that it left in log and view, but for the checkpoint.
func (f *fixture) cutOff(id domain.OrderID) {
	f.T.Helper()
	schematest.Unprotect(f.T, f.DB)
	f.Exec(`UPDATE heads SET head = head - (SELECT COUNT(*) FROM events WHERE stream_id = ?1) WHERE partition = ?2`, id[:], f.Partition(id))
	f.Exec(`DELETE FROM events WHERE stream_id = ?1`, id[:])
	f.Exec(`DELETE FROM orders WHERE order_id = ?1`, id[:])
}

// TestBeyond: the end of the log was cut off together with its view. The checkpoint shows it, and so do
// its counts.
func TestBeyond(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		f.Place("stays")
		last := f.Place("goes")
		f.Do(last, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"})
		f.project()
		f.cutOff(last)

		wanted := func(what string, r verify.Report) {
			t.Helper()
			if r.Clean() || r.Beyond != 1 || r.Counts != 1 || r.Orders != 1 || r.Different+r.Missing+r.Surplus != 0 {
				t.Errorf("%s found %+v, want one checkpoint beyond its head and one count wrong", what, r)
			}
		}
		r, err := verify.Run(t.Context(), f.DB, f.Store, verify.Config{})
		must(t, err)
		wanted("verify", r)
		all, err := projections.Statuses(t.Context(), f.DB, f.Store)
		must(t, err)
		for _, s := range all {
			want := int64(0)
			if s.Partition == f.Partition(last) {
				want = 2
			}
			if s.Beyond != want || s.Lag != 0 {
				t.Errorf("status %+v, want %d beyond the head and no lag", s, want)
			}
		}
		r, err = rebuild.Run(t.Context(), f.DB, f.Store, rebuild.Config{})
		must(t, err)
		wanted("rebuild", r)
		f.verify()
	})
}

// TestRebuild_countsAndRows: where rows are wrong too, the counts are held against the new ones.
func TestRebuild_countsAndRows(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		f.Place("a")
		id := f.Place("b")
		f.project()
		f.Exec(`UPDATE orders SET status = 'Failed' WHERE order_id = ?1`, id[:])
		f.Exec(`UPDATE checkpoints SET counts = '{"Pending":7}' WHERE partition = ?1 AND projection = 'orders'`, f.Partition(id))
		r, err := verify.Run(t.Context(), f.DB, f.Store, verify.Config{})
		must(t, err)
		if r.Different != 1 || r.Counts != 1 {
			t.Errorf("verify found %+v, want one row and one count wrong", r)
		}
		r, err = rebuild.Run(t.Context(), f.DB, f.Store, rebuild.Config{})
		must(t, err)
		if r.Different != 1 || r.Counts != 1 {
			t.Errorf("rebuild found %+v, want one row and one count wrong", r)
		}
		f.verify()
	})
}

// TestViews_Counts_wrong: a count below 0 is shown to nobody.
func TestViews_Counts_wrong(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	f.Place("a")
	f.project()
	f.Exec(`UPDATE checkpoints SET counts = '{"Pending":1,"Processing":-1}'`)
	counts, err := f.Views.Counts(t.Context())
	must(t, err)
	if counts[domain.Status(domain.Processing)] != 0 || counts[domain.StatusPending] != 1 {
		t.Errorf("counts %v, want 0 and 1", counts)
	}
}

// TestMiscounts_running: beside projectors there is no false alarm.
func TestMiscounts_running(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := partitioned(t, open(t))
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 20 {
				id := f.Place("x")
				f.Do(id, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"})
				f.project()
			}
		})
		ended := make(chan struct{})
		go func() { wg.Wait(); close(ended) }()
		for {
			if found, err := verify.Miscounts(t.Context(), f.DB); err != nil || len(found) > 0 {
				t.Errorf("found %v, err %v", found, err)
			}
			select {
			case <-ended:
				return
			default:
			}
		}
	})
}
