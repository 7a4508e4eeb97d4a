package projections

import (
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/projections/rebuild"
	"orderflow/projections/tail"
	"orderflow/projections/verify"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

func TestStatuses(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		lag := func(want int64) {
			t.Helper()
			if got, err := Lag(t.Context(), f.DB, f.Store); err != nil || got != want {
				t.Errorf("the lag is %d, %v; want %d", got, err, want)
			}
		}
		id := f.Place("a")
		f.Do(id, start(domain.Scheduling, 1, "n"))
		lag(2) // no projector has ever been there
		f.project(tail.Config{})
		lag(0)
		f.Do(id, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1})
		check := func(projection string, position, head int64) {
			t.Helper()
			all, err := Statuses(t.Context(), f.DB, f.Store)
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
		check(rows.LiveTable, 2, 3)
		lag(1)
		_, err := rebuild.Run(t.Context(), f.DB, f.Store, rebuild.Config{Progress: func(p verify.Progress) {
			if p.Phase == verify.PhaseCompare {
				check(rows.NextTable, 3, 3)
			}
		}})
		must(t, err)
		check(rows.LiveTable, 3, 3)
	})
}

// TestReadStanding: before the projector comes there is no row, and afterwards one of every event up to the checkpoint.
func TestReadStanding(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		id := f.Place("a")
		want := func(want Standing) {
			t.Helper()
			if got, err := ReadStanding(t.Context(), f.DB, id, f.Partition(id)); err != nil || got != want {
				t.Errorf("the order stands at %+v, err %v; want %+v", got, err, want)
			}
		}
		want(Standing{})
		f.Do(id, start(domain.Scheduling, 1, "n"))
		f.project(tail.Config{})
		want(Standing{Version: 2, Checkpoint: 2})
	})
}
