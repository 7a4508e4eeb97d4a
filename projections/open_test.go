package projections

import (
	"testing"

	"orderflow/domain"
	"orderflow/projections/tail"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestReadOpen gives the oldest orders that have not ended, and of one whose row cannot be read the id.
func TestReadOpen(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		pending, running, ended, rolling, odd := f.Place("a"), f.Place("b"), f.Place("c"), f.Place("d"), f.Place("e")
		f.Do(running, complete("n", domain.Scheduling)...)
		f.Do(ended, complete("n", domain.Steps()...)...)
		f.Do(rolling, fail("n", 1)[:4]...)
		f.project(tail.Config{})
		f.Exec(`UPDATE orders SET steps = 'no steps' WHERE order_id = ?1`, odd[:])
		wants := func(most int, more bool, want ...domain.OrderID) (all []domain.Order) {
			t.Helper()
			all, there, err := ReadOpen(t.Context(), f.DB, most)
			must(t, err)
			same := len(all) == len(want) && there == more
			for i := range all {
				same = same && all[i].ID == want[i]
			}
			if !same {
				t.Errorf("at most %d: %v, more %v; want %v, %v", most, all, there, want, more)
			}
			return all
		}
		all := wants(4, false, pending, running, rolling, odd)
		if len(all) == 4 && (all[0].Status() != domain.StatusPending || all[1].Version != 3 || all[1].CurrentStep() != domain.PreProcessing || all[2].Status() != domain.StatusRollingBack || all[3].Version != 0) {
			t.Errorf("the orders are %+v", all)
		}
		wants(3, true, pending, running, rolling)
		versions, err := ReadVersions(t.Context(), f.DB, []domain.OrderID{running, ended, {1}})
		must(t, err)
		if len(versions) != 2 || versions[running] != 3 || versions[ended] < 9 {
			t.Errorf("the versions are %v", versions)
		}
	})
}
