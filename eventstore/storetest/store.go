package storetest

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Store is a store as handlers use it, in a database or in memory.
type Store interface {
	Append(ctx context.Context, u work.Unit) (work.Outcome, error)
	Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error)
}

// Run runs the cases that every store passes. open gives one without orders. All that is appended obeys the
// rules of package domain.
func Run(t *testing.T, open func(t testing.TB) Store) {
	t.Run("append and load", func(t *testing.T) { testStoreAppend(t, open(t)) })
	t.Run("nothing is there", func(t *testing.T) {
		_, err := open(t).Load(t.Context(), order(99))
		want(t, err, domain.ErrNotFound)
	})
	t.Run("another version", func(t *testing.T) { testStoreConflict(t, open(t)) })
	t.Run("racing for a version", func(t *testing.T) { testStoreRace(t, open(t)) })
	t.Run("a unit that can never be stored", func(t *testing.T) { testStoreInvalid(t, open(t)) })
}

// decided is a unit of what commands decide on an order as it is stored.
func decided(t testing.TB, s Store, id domain.OrderID, commands ...domain.Command) work.Unit {
	t.Helper()
	events, err := s.Load(t.Context(), id)
	if err != nil && !errors.Is(err, domain.ErrNotFound) {
		t.Fatal(err)
	}
	o, err := domain.Fold(events)
	if err != nil {
		t.Fatal(err)
	}
	o.ID = id
	u, err := work.Prepare(&o, domain.Metadata{Actor: "worker", Node: "n", CorrelationID: "c", TraceParent: "tp"}, commands...)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

var (
	place = domain.Place{Detail: []byte(`{"n":1}`)}
	start = domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"}
	done  = domain.CompleteStep{Step: domain.Scheduling, Attempt: 1}
)

// appended appends a unit, which must succeed and change nothing of it.
func appended(t testing.TB, s Store, u work.Unit) work.Outcome {
	t.Helper()
	o, err := tryAppend(t, s, u)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// tryAppend appends a unit, of which nothing must be changed.
func tryAppend(t testing.TB, s Store, u work.Unit) (work.Outcome, error) {
	t.Helper()
	was := u
	was.Events, was.Messages = slices.Clone(u.Events), slices.Clone(u.Messages)
	was.Other, was.Reservations = maps.Clone(u.Other), slices.Clone(u.Reservations)
	for i, m := range was.Messages {
		was.Messages[i].Metadata, was.Messages[i].Payload = maps.Clone(m.Metadata), slices.Clone(m.Payload)
	}
	o, err := s.Append(t.Context(), u)
	if !reflect.DeepEqual(u, was) {
		t.Errorf("the unit was\n%+v\nand is\n%+v", was, u)
	}
	return o, err
}

func testStoreAppend(t *testing.T, s Store) {
	id := order(1)
	first := appended(t, s, decided(t, s, id, place))
	u, err := decided(t, s, order(2), place).Then(domain.Metadata{Actor: "other"}, start)
	must(t, err)
	appended(t, s, u)
	second := appended(t, s, decided(t, s, id, start, done))
	loaded, err := s.Load(t.Context(), id)
	must(t, err)
	same(t, append(first.Events, second.Events...), loaded)
	for i, r := range loaded {
		if r.OrderID != id || r.Version != i+1 || r.Type != domain.TypeOf(r.Event) || r.Metadata.Actor != "worker" || r.Metadata.CorrelationID != "c" || r.RecordedAt.IsZero() {
			t.Errorf("event %d is %+v", i+1, r)
		}
	}
	if len(loaded) != 3 || first.Next != nil || second.Next != nil {
		t.Errorf("%d events; in hand are %+v and %+v, want 3 and nothing", len(loaded), first.Next, second.Next)
	}
	if loaded, err = s.Load(t.Context(), order(2)); err != nil || len(loaded) != 2 || loaded[0].Metadata.Actor != "worker" || loaded[1].Metadata.Actor != "other" {
		t.Errorf("events with metadata of their own are %+v, %v", loaded, err)
	}
}

func testStoreConflict(t *testing.T, s Store) {
	id := order(1)
	appended(t, s, decided(t, s, id, place))
	appended(t, s, decided(t, s, id, start))
	for name, c := range map[string]struct {
		id       domain.OrderID
		expected int
	}{"behind": {id, 1}, "ahead": {id, 3}, "as new": {id, 0}, "of nothing": {order(77), 1}} {
		u := decided(t, s, id, done)
		u.OrderID, u.Expected = c.id, c.expected
		if _, err := tryAppend(t, s, u); !errors.Is(err, domain.ErrConflict) {
			t.Errorf("%s: err = %v, want ErrConflict", name, err)
		}
	}
	if loaded, err := s.Load(t.Context(), id); err != nil || len(loaded) != 2 {
		t.Errorf("%d events after the conflicts, %v, want 2", len(loaded), err)
	}
}

func testStoreRace(t *testing.T, s Store) {
	const writers = 20
	id := order(1)
	appended(t, s, decided(t, s, id, place))
	u := decided(t, s, id, start)
	var won, conflicts atomic.Int32
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			switch _, err := s.Append(t.Context(), u); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, domain.ErrConflict):
				conflicts.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || conflicts.Load() != writers-1 {
		t.Errorf("%d won and %d conflicted, want 1 and %d", won.Load(), conflicts.Load(), writers-1)
	}
}

func testStoreInvalid(t *testing.T, s Store) {
	id := order(1)
	appended(t, s, decided(t, s, id, place))
	for name, spoil := range map[string]func(*work.Unit){
		"no order":                  func(u *work.Unit) { u.OrderID = domain.OrderID{} },
		"no events and no lease":    func(u *work.Unit) { u.Events = nil },
		"a message of nothing":      func(u *work.Unit) { u.Messages = []work.Message{{Event: 1}} },
		"started without a message": func(u *work.Unit) { u.Lease, u.Settle = work.Lease{Attempt: 1}, work.SettleStart },
		"passed on without a lease": func(u *work.Unit) { u.Messages, u.Settle = []work.Message{{}}, work.SettlePass },
		"passed on to several at once": func(u *work.Unit) {
			u.Lease, u.Settle, u.Messages = work.Lease{Attempt: 1}, work.SettlePass, make([]work.Message, 2)
		},
	} {
		u := decided(t, s, id, start)
		spoil(&u)
		if _, err := tryAppend(t, s, u); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", name, err)
		}
	}
}
