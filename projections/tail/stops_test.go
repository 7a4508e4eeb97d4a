package tail

import (
	"context"
	"errors"
	"testing"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/projections/verify"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// teleport makes an event one of a newer program.
func (f *fixture) teleport(id domain.OrderID, version int) {
	f.T.Helper()
	schematest.Unprotect(f.T, f.DB)
	f.Exec(`UPDATE events SET type = 'OrderTeleported' WHERE stream_id = ?1 AND version = ?2`, id[:], version)
}

// bringBack makes it again what it was.
func (f *fixture) bringBack(id domain.OrderID, version int, typ string) {
	f.T.Helper()
	f.Exec(`UPDATE events SET type = ?3 WHERE stream_id = ?1 AND version = ?2`, id[:], version, typ)
}

// TestProjector_newer: it applies what lies before an event that it does not understand, stops
// there, says so once, and goes on when a newer program has.
func TestProjector_newer(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		before := f.Place("before")
		id := f.Place("a")
		f.Do(id, complete("n", domain.Scheduling)...)
		partition := f.Partition(id)
		f.teleport(id, 3)
		var told []error
		p := NewProjector(f.DB, f.Store, Config{OnError: func(err error) { told = append(told, err) }})
		ids := []domain.OrderID{before, id}
		for range 3 {
			if _, err := p.Round(t.Context()); err != nil {
				t.Fatalf("the round fails: %v", err)
			}
			ids = append(ids, f.Place("meanwhile"))
			f.Do(ids[len(ids)-1], complete("n", domain.Steps()...)...)
		}
		if len(told) != 1 || !errors.Is(told[0], domain.ErrNewer) {
			t.Errorf("it told %v, want once that there is an event that is newer", told)
		}
		if err := p.Stopped(); !errors.Is(err, domain.ErrNewer) {
			t.Errorf("stopped: %v, want ErrNewer", err)
		}
		statuses, err := projections.Statuses(t.Context(), f.DB, f.Store)
		must(t, err)
		newer := f.position(id, 3)
		for _, s := range statuses {
			if s.Partition == partition && s.Position != newer-1 {
				t.Errorf("the checkpoint is at %d, want %d, in front of the event", s.Position, newer-1)
			}
		}
		if v, err := f.Views.Get(t.Context(), before); err != nil || v.TrackingID != "before" {
			t.Errorf("an order before it: %+v, err %v", v, err)
		}
		if _, err := f.Views.Get(t.Context(), id); !errors.Is(err, domain.ErrNewer) {
			t.Errorf("the order itself: err = %v, want ErrNewer", err)
		}

		if r, err := verify.Run(t.Context(), f.DB, f.Store, verify.Config{}); err != nil || len(r.Samples) == 0 || r.Samples[0].Kind != verify.KindNewer || r.Clean() {
			t.Errorf("verified %+v, err %v; want the order named as newer", r, err)
		}
		f.bringBack(id, 3, "StepCompleted") // as if this were the newer program
		_, err = p.Round(t.Context())
		must(t, err)
		if err := p.Stopped(); err != nil || len(told) != 1 {
			t.Errorf("it goes on, and says stopped %v, told %v", err, told)
		}
		f.SameAsStreams(ids)
		f.verify()
	})
}

// position is where an event lies in its partition.
func (f *fixture) position(id domain.OrderID, version int) (position int64) {
	f.T.Helper()
	must(f.T, f.DB.QueryRowContext(context.Background(), `SELECT position FROM events WHERE stream_id = ?1 AND version = ?2`, id[:], version).Scan(&position))
	return position
}
