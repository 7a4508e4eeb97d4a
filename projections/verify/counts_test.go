package verify_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/projections/rebuild"
	"orderflow/projections/tail"
	"orderflow/projections/verify"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestCounts_unreadable: counts that nobody can read are found and named, keep nothing from working
// but the projector, and are made anew by a rebuild.
func TestCounts_unreadable(t *testing.T) {
	for name, alsoRow := range map[string]bool{"alone": false, "and a row": true} {
		t.Run(name, func(t *testing.T) {
			schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) { testUnreadable(t, open, alsoRow) })
		})
	}
}

func testUnreadable(t *testing.T, open func(testing.TB) *schema.DB, alsoRow bool) {
	f := newFixture(t, open(t))
	id := f.Place("a")
	f.project()
	different, partition := int64(0), f.Partition(id)
	f.Exec(`UPDATE checkpoints SET counts = '[]' WHERE projection = 'orders' AND partition = ?1`, partition)
	if alsoRow {
		f.Exec(`UPDATE orders SET status = 'Failed' WHERE order_id = ?1`, id[:])
		different = 1
	}
	wanted := func(what string, r verify.Report, err error) {
		t.Helper()
		if err != nil || r.Counts != 1 || r.Different != different || r.Clean() || r.Samples[different].Kind != verify.KindUnreadable || r.Samples[different].Stored != "[]" {
			t.Errorf("%s found %+v, err %v; want counts that cannot be read", what, r, err)
		}
	}
	named := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, domain.ErrCorrupt) || !strings.Contains(err.Error(), fmt.Sprintf("orders, partition %d,", partition)) || !strings.Contains(err.Error(), `"orderflow projections rebuild"`) {
			t.Errorf("%s: err = %v, want the row and what mends it", what, err)
		}
	}

	r, err := verify.Run(t.Context(), f.DB, f.Store, verify.Config{})
	wanted("verify", r, err)
	all, err := projections.Statuses(t.Context(), f.DB, f.Store)
	must(t, err)
	if !strings.Contains(all[partition].Damage, "cannot be read") {
		t.Errorf("status %+v, want the damage named", all[partition])
	}
	_, err = f.Views.Counts(t.Context())
	named("counts", err)
	p := tail.NewProjector(f.DB, f.Store, tail.Config{})
	_, err = p.Round(t.Context())
	named("a pass", err)
	named("stopped", p.Stopped())

	r, err = rebuild.Run(t.Context(), f.DB, f.Store, rebuild.Config{})
	wanted("rebuild", r, err)
	f.verify()
	if _, err = p.Round(t.Context()); err != nil || p.Stopped() != nil {
		t.Errorf("after the rebuild: a pass %v, stopped %v", err, p.Stopped())
	}
}

// TestCounts_unknownStatus: orders cannot be counted under a status that there is not.
func TestCounts_unknownStatus(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	f.Place("a")
	f.project()
	f.Exec(`UPDATE checkpoints SET counts = '{"Bogus":1,"Pending":1}'`)
	r, err := verify.Run(t.Context(), f.DB, f.Store, verify.Config{})
	if err != nil || r.Counts != 1 || r.Samples[0] != (verify.Difference{Kind: verify.KindCounts, Field: "Bogus", Stored: "1", Expected: "0"}) {
		t.Errorf("verify found %+v, err %v; want the status that there is not", r, err)
	}
	counts, err := f.Views.Counts(t.Context())
	if _, shown := counts["Bogus"]; shown || err != nil || counts[domain.StatusPending] != 1 {
		t.Errorf("counts %v, err %v", counts, err)
	}
}
