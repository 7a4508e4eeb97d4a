package domain_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"orderflow/domain"
)

// TestRestore takes an order apart after each event of each kind of history and puts
// it together again: the two must be equal and stay so under the events that follow.
func TestRestore(t *testing.T) {
	for name, commands := range snapshotHistories() {
		t.Run(name, func(t *testing.T) {
			events := recordSnapshot(t, commands)
			for n := 1; n <= len(events); n++ {
				o, err := domain.Fold(events[:n])
				if err != nil {
					t.Fatal(err)
				}
				restored, err := domain.Restore(exportedFields(o), o.Status())
				if err != nil {
					t.Fatalf("after %d events: %v", n, err)
				}
				if !reflect.DeepEqual(restored, o) {
					t.Fatalf("after %d events: restored %+v, want %+v", n, restored, o)
				}
			}
		})
	}
}

func TestRestore_contradiction(t *testing.T) {
	events := recordSnapshot(t, snapshotHistories()["completed"])
	o, err := domain.Fold(events[:3])
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []domain.Status{domain.StatusPending, domain.Status(domain.Processing), "Nonsense", ""} {
		if _, err := domain.Restore(exportedFields(o), status); !errors.Is(err, domain.ErrCorrupt) {
			t.Errorf("status %q: err %v; want ErrCorrupt", status, err)
		}
	}
	if _, err := domain.Restore(domain.Order{}, domain.StatusPending); !errors.Is(err, domain.ErrCorrupt) {
		t.Errorf("no version: err %v; want ErrCorrupt", err)
	}
}

// exportedFields is o without what other packages cannot see.
func exportedFields(o domain.Order) domain.Order {
	return domain.Order{
		ID: o.ID, TrackingID: o.TrackingID, Detail: o.Detail, Steps: o.Steps,
		PlacedAt: o.PlacedAt, StartedAt: o.StartedAt, EndedAt: o.EndedAt, Version: o.Version,
		RetryOf: o.RetryOf, Request: o.Request,
	}
}

func snapshotHistories() map[string][]domain.Command {
	s := domain.Steps()
	done := func(steps ...domain.Step) (c []domain.Command) {
		for _, step := range steps {
			c = append(c, domain.StartStep{Step: step, Attempt: 1, Node: "a"}, domain.CompleteStep{Step: step, Attempt: 1})
		}
		return c
	}
	place := domain.Command(domain.Place{TrackingID: "t", Detail: []byte(`{"n":1}`)})
	failed := append(append([]domain.Command{place}, done(s[0])...),
		domain.StartStep{Step: s[1], Attempt: 1, Node: "a"}, domain.FailStep{Step: s[1], Attempt: 1, Error: "no"},
		domain.RollBackStep{Step: s[1], Attempt: 1, Node: "b"}, domain.RollBackStep{Step: s[0], Attempt: 1, Node: "b"})
	parked := append(append([]domain.Command{place}, done(s[0])...),
		domain.StartStep{Step: s[1], Attempt: 1, Node: "a"}, domain.InterruptStep{Step: s[1], Attempt: 1, Reason: "lost"},
		domain.Park{Reason: "often"}, domain.Resume{}, domain.StartStep{Step: s[1], Attempt: 2, Node: "a"})
	cancelled := append(append([]domain.Command{place}, done(s[0])...),
		domain.StartStep{Step: s[1], Attempt: 1, Node: "a"}, domain.Cancel{Reason: "why"}, domain.Cancel{Reason: "quick", Now: true},
		domain.InterruptStep{Step: s[1], Attempt: 1, Reason: "cut"},
		domain.RollBackStep{Step: s[1], Attempt: 1, Node: "b"}, domain.RollBackStep{Step: s[0], Attempt: 1, Node: "b"})
	again := domain.Command(domain.Place{RetryOf: domain.OrderID{9}})
	givenUp := append(append([]domain.Command{again}, done(s[0])...), domain.Park{Reason: "often"}, domain.Fail{Reason: "hopeless"},
		domain.RollBackStep{Step: s[0], Attempt: 1, Node: "b"})
	return map[string][]domain.Command{
		"cancelled": cancelled,
		"pending":   {again, domain.Cancel{Reason: "early"}},
		"given up":  givenUp,
		"completed": append([]domain.Command{place}, done(s...)...),
		"failed":    failed,
		"parked":    parked,
	}
}

// recordSnapshot gives the events of commands as a store would, a second apart.
func recordSnapshot(t *testing.T, commands []domain.Command) (events []domain.Recorded) {
	t.Helper()
	var o domain.Order
	id := domain.OrderID{1}
	for _, c := range commands {
		decided, err := o.Decide(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range decided {
			r := domain.Recorded{
				OrderID: id, Version: o.Version + 1, Type: domain.TypeOf(e), Event: e,
				RecordedAt: time.Date(2026, 1, 2, 3, 4, o.Version, 0, time.UTC),
			}
			if err := o.Apply(r); err != nil {
				t.Fatal(err)
			}
			events = append(events, r)
		}
	}
	return events
}
