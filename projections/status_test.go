package projections

import (
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

func TestStatuses(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		id := f.place("a")
		f.do(id, start(domain.Scheduling, 1, "n"))
		f.project(Options{})
		f.do(id, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1})
		check := func(projection string, position, head int64) {
			t.Helper()
			all, err := Statuses(t.Context(), f.db, f.Store)
			must(t, err)
			seen := map[int]bool{}
			for _, s := range all {
				if s.Projection != projection {
					continue
				}
				seen[s.Partition] = true
				if s.Partition == f.Partition(id) && (s.Position != position || s.Head != head || s.Lag != head-position || time.Since(s.UpdatedAt).Abs() > time.Hour) {
					t.Errorf("%+v, want position %d and head %d", s, position, head)
				}
			}
			if len(seen) != f.Partitions() {
				t.Errorf("%s: %d partitions, want %d (and no claim)", projection, len(seen), f.Partitions())
			}
		}
		check(live, 2, 3)
		_, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{Progress: func(p Progress) {
			if p.Phase == PhaseCompare {
				check(next, 3, 3)
			}
		}})
		must(t, err)
		check(live, 3, 3)
	})
}
