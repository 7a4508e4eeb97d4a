package handlers

import (
	"context"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
)

// openings is an event store of first events, with reservations as the real one keeps them.
type openings struct {
	appended []work.Unit
	keys     map[string]reservation
	err      error // what Append fails with
}

type reservation struct {
	id          domain.OrderID
	fingerprint [32]byte
}

func (s *openings) Append(_ context.Context, a work.Unit) (work.Outcome, error) {
	if s.err != nil {
		return work.Outcome{}, s.err
	}
	for _, r := range a.Reservations {
		if held, taken := s.keys[r.Key]; taken {
			return work.Outcome{}, &domain.DuplicateError{OrderID: held.id, Key: r.Key, Same: held.fingerprint == r.Fingerprint}
		}
	}
	for _, r := range a.Reservations {
		if s.keys == nil {
			s.keys = map[string]reservation{}
		}
		s.keys[r.Key] = reservation{id: a.OrderID, fingerprint: r.Fingerprint}
	}
	s.appended = append(s.appended, a)
	return work.Outcome{}, nil
}

// placed is the data of the only event of the order that was placed last.
func (s *openings) placed(t *testing.T) domain.OrderPlaced {
	t.Helper()
	if len(s.appended) == 0 {
		t.Fatal("nothing was placed")
	}
	return s.appended[len(s.appended)-1].Events[0].(domain.OrderPlaced)
}

func newPlacing(t *testing.T, c PlacingConfig) *Placing {
	t.Helper()
	p, err := NewPlacing(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlacing_Place(t *testing.T) {
	t.Run("fills in what is not given", func(t *testing.T) {
		store := &openings{}
		if _, err := newPlacing(t, PlacingConfig{Store: store}).Place(t.Context(), NewOrder{}); err != nil {
			t.Fatal(err)
		}
		if m := store.appended[0].Metadata; m.Actor != "customer" || m.CorrelationID == "" {
			t.Errorf("metadata %+v", m)
		}
	})
	t.Run("keeps what is given", func(t *testing.T) {
		store := &openings{}
		o := NewOrder{Actor: "operator", CorrelationID: "c", Detail: []byte(" [1] ")}
		if _, err := newPlacing(t, PlacingConfig{Store: store}).Place(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if m := store.appended[0].Metadata; m.Actor != "operator" || m.CorrelationID != "c" || string(store.placed(t).Detail) != "[1]" {
			t.Errorf("metadata %+v, event %+v", m, store.placed(t))
		}
	})
}
