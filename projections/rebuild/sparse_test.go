package rebuild

import (
	"bytes"
	"testing"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestRow_sparse: rows of a program that left out empty members of steps are shown, listed, gone on
// with, verified and rebuilt like any other.
func TestRow_sparse(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.Many(random(t), 10)
		ids = append(ids, f.Place("under way"))
		id := ids[len(ids)-1]
		f.Do(id, complete("n", domain.Scheduling)...)
		f.project()
		older := func() {
			t.Helper()
			f.Exec(`UPDATE orders SET steps = ` + rows.SparseSQL(`steps`))
			var n int
			must(t, f.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM orders WHERE steps LIKE '%null%'`).Scan(&n))
			if n > 0 {
				t.Fatalf("%d rows are not in the old form", n)
			}
		}
		older()
		page, err := f.Views.List(t.Context(), projections.Filter{})
		if must(t, err); len(page.Orders) != len(ids) {
			t.Errorf("%d orders are listed, want %d", len(page.Orders), len(ids))
		}
		for _, v := range page.Orders {
			if got, want := v.AppendJSON(nil), projections.ViewOf(f.Order(v.OrderID)).AppendJSON(nil); !bytes.Equal(got, want) {
				t.Errorf("listed %s, want %s", got, want)
			}
		}
		f.verify()
		f.Do(id, complete("n", domain.PreProcessing)...)
		f.project()
		f.SameAsStreams(ids)
		f.verify()
		older()
		before := f.DB.Stats().Statements
		r, err := Run(t.Context(), f.DB, f.Store, Config{})
		if must(t, err); !r.Clean() {
			t.Errorf("the rebuild found %+v", r)
		}
		t.Logf("%d statements", f.DB.Stats().Statements-before)
		f.SameAsStreams(ids)
	})
}
