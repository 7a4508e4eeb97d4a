package eventstore_test

import (
	"errors"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestStore_Level: events are appended in the forms of the level that the database allows, which is
// read when the store is opened, and may rise.
func TestStore_Level(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		reopen := func() *eventstore.Store {
			s, err := eventstore.Open(t.Context(), db, eventstore.Config{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		n := byte(0)
		place := func(s *eventstore.Store, e domain.OrderPlaced) (domain.Recorded, error) {
			n++
			id := domain.OrderID{0: 1, 15: n}
			done, err := s.Append(t.Context(), work.Unit{OrderID: id, Events: []domain.Event{e}})
			if err != nil {
				return domain.Recorded{}, err
			}
			stored, err := s.Load(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := stored[0].Event.(domain.OrderPlaced), done.Events[0].Event.(domain.OrderPlaced); got.KeyHash != want.KeyHash || stored[0].Metadata != done.Events[0].Metadata {
				t.Errorf("stored is %+v, and the append gave %+v", stored[0], done.Events[0])
			}
			return stored[0], nil
		}
		s := reopen()
		if r, err := place(s, domain.OrderPlaced{TrackingID: "a", KeyHash: "ab"}); err != nil || r.Metadata.Schema != 1 || string(r.Data) != `{"tracking_id":"a"}` {
			t.Errorf("at level 1: %s of schema %d, err %v; want the first form", r.Data, r.Metadata.Schema, err)
		}
		if _, err := place(s, domain.OrderPlaced{Customer: "acme"}); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("a customer at level 1: err = %v, want ErrUnavailable", err)
		}
		s.Allow(2)
		s.Allow(1) // it never falls
		if r, err := place(s, domain.OrderPlaced{Customer: "acme", KeyHash: "ab"}); err != nil || r.Metadata.Schema != 2 || string(r.Data) != `{"customer":"acme","key_hash":"ab"}` {
			t.Errorf("at level 2: %s of schema %d, err %v; want the second form", r.Data, r.Metadata.Schema, err)
		}
		if level := reopen().Level(); level != 1 {
			t.Errorf("another store is at level %d, want that of the database, 1", level)
		}
		err := db.InTx(t.Context(), func(tx *schema.Tx) error {
			_, err := tx.ExecContext(t.Context(), `UPDATE compatibility SET event_level = 2`)
			return err
		})
		if level := reopen().Level(); err != nil || level != 2 {
			t.Errorf("a store that is opened later is at level %d (err %v), want 2", level, err)
		}
	})
}

// TestStore_ReadLog_newer: what lies before an event that is not understood is given; the event
// itself is an error of a kind of its own.
func TestStore_ReadLog_newer(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		s, err := eventstore.Open(t.Context(), db, eventstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		id := domain.OrderID{1}
		events := []domain.Event{domain.OrderPlaced{}, domain.StepStarted{Step: domain.Scheduling, Attempt: 1, Node: "n"}, domain.StepCompleted{Step: domain.Scheduling, Attempt: 1, Node: "n"}}
		if _, err := s.Append(t.Context(), work.Unit{OrderID: id, Events: events}); err != nil {
			t.Fatal(err)
		}
		schematest.Unprotect(t, db)
		err = db.InTx(t.Context(), func(tx *schema.Tx) error {
			_, err := tx.ExecContext(t.Context(), `UPDATE events SET type = 'StepTeleported' WHERE version = 3`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		p := s.Partition(id)
		if got, err := s.ReadLog(t.Context(), p, 0, 10); err != nil || len(got) != 2 {
			t.Errorf("%d events, err %v; want the 2 before it", len(got), err)
		}
		for what, read := range map[string]func() ([]domain.Recorded, error){
			"the log from there": func() ([]domain.Recorded, error) { return s.ReadLog(t.Context(), p, 2, 10) },
			"the stream":         func() ([]domain.Recorded, error) { return s.Load(t.Context(), id) },
		} {
			if got, err := read(); !errors.Is(err, domain.ErrNewer) || errors.Is(err, domain.ErrCorrupt) || len(got) != 0 {
				t.Errorf("%s: %d events, err = %v; want ErrNewer", what, len(got), err)
			}
		}
	})
}
