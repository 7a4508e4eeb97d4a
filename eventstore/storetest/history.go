package storetest

import (
	"bytes"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
)

// testHistory takes the log back, as the restore of a backup does, under a store that goes on:
// it must say and store only what fits the log as it is then.
func testHistory(t *testing.T, open func(testing.TB) *schema.DB) {
	t.Run("an append finds it out", func(t *testing.T) {
		r := newRestored(t, open)
		r.mustAppend(started(r.id, 2, 9)) // the version that is stored, not the one that is remembered
		r.foundOnce()
		r.chained()
	})
	t.Run("an append on what is remembered conflicts", func(t *testing.T) {
		r := newRestored(t, open)
		_, err := r.Append(t.Context(), started(r.id, 5, 9))
		want(t, err, domain.ErrConflict)
		r.foundOnce()
	})
	t.Run("also when the log has grown beyond it again", func(t *testing.T) {
		r := newRestored(t, open)
		other := newFixture(t, r.db)
		for version := 2; version < 8; version++ {
			_, err := other.Append(t.Context(), started(r.id, version, version+20))
			must(t, err)
		}
		_, err := r.Append(t.Context(), started(r.id, 5, 9))
		want(t, err, domain.ErrConflict)
		r.mustAppend(started(r.id, 8, 9))
		r.foundOnce()
		r.chained()
	})
	t.Run("with a lease, whose settlement is undone", func(t *testing.T) {
		r := newRestored(t, open)
		a := started(r.id, 5, 9)
		a.Lease, a.Settle = work.Lease{Position: 7}, work.SettleDone
		_, err := r.Append(t.Context(), a)
		want(t, err, domain.ErrConflict)
		if n := r.count(t, `SELECT COUNT(*) FROM consumer_offsets WHERE consumer_group = 'settled'`); n != 0 {
			t.Error("the lease of an append that conflicts was settled")
		}
	})
	t.Run("a check finds it out", func(t *testing.T) {
		r := newRestored(t, open)
		must(t, r.CheckHistory(t.Context()))
		r.foundOnce()
		events, err := r.LoadAt(t.Context(), r.id, 1)
		if must(t, err); len(events) != 2 {
			t.Errorf("%d events are loaded, want the 2 that are stored", len(events))
		}
		following, err := r.Follower().ReadLog(t.Context(), r.partition, 0, 100)
		if must(t, err); len(following) != 2 {
			t.Errorf("%d events are followed, want the 2 that are stored", len(following))
		}
		must(t, r.CheckHistory(t.Context()))
		r.foundOnce()
	})
	t.Run("a check that finds nothing drops nothing", func(t *testing.T) {
		r := newHistory(t, open)
		must(t, r.CheckHistory(t.Context()))
		before := r.db.Stats().Statements
		_, err := r.LoadAt(t.Context(), r.id, 1)
		if must(t, err); r.db.Stats().Statements != before || len(r.found) != 0 {
			t.Errorf("what is remembered was dropped (%v)", r.found)
		}
	})
}

// history is a store that remembers an order of five events.
type history struct {
	*fixture
	t         *testing.T
	id        domain.OrderID
	partition int
	found     []eventstore.OtherHistory
}

func newHistory(t *testing.T, open func(testing.TB) *schema.DB) *history {
	h := &history{fixture: newFixture(t, open(t)), t: t, id: order(1)}
	h.partition = h.Partition(h.id)
	h.OnOtherHistory(func(o eventstore.OtherHistory) { h.found = append(h.found, o) })
	h.mustAppend(placed(h.id))
	for version := 1; version < 5; version++ {
		h.mustAppend(started(h.id, version, version))
	}
	return h
}

// newRestored has the log taken back to its first two events.
func newRestored(t *testing.T, open func(testing.TB) *schema.DB) *history {
	h := newHistory(t, open)
	statements := []string{`DROP TRIGGER IF EXISTS events_no_delete`, `DELETE FROM events WHERE position > 2`, `UPDATE heads SET head = 2 WHERE head > 2`}
	if h.db.Dialect().Name() == "sqlserver" {
		statements[0] = `DROP TRIGGER IF EXISTS events_append_only`
	}
	must(t, h.db.InTx(t.Context(), func(tx *schema.Tx) error {
		for _, s := range statements {
			if _, err := tx.ExecContext(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	}))
	return h
}

func (h *history) mustAppend(a work.Unit) {
	h.t.Helper()
	_, err := h.Append(h.t.Context(), a)
	must(h.t, err)
}

func (h *history) foundOnce() {
	h.t.Helper()
	if len(h.found) != 1 || h.found[0] != (eventstore.OtherHistory{Partition: h.partition, Position: 5}) {
		h.t.Errorf("another history was found %+v, want once, by the event at position 5", h.found)
	}
}

// chained: versions, positions and hashes of the order follow each other.
func (h *history) chained() {
	h.t.Helper()
	events, err := h.Load(h.t.Context(), h.id)
	must(h.t, err)
	var previous []byte
	for i, r := range events {
		if r.Version != i+1 || !bytes.Equal(eventstore.Hash(previous, r), r.Hash) {
			h.t.Errorf("event %d has version %d, or does not follow its predecessor", i+1, r.Version)
		}
		previous = r.Hash
	}
	noHoles(h.t, h.fixture)
}
