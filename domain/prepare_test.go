package domain_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Prepare is deciding and applying one command after the other.
func TestPrepare_stepByStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := domain.NewStream()
		for range rapid.IntRange(0, 20).Draw(t, "before") {
			if events, err := s.Order().Decide(domain.Draw(t, *s.Order())); err == nil {
				s.Record(t, events...)
			}
		}
		o := *s.Order()
		var all []domain.Command
		var want error
		for range rapid.IntRange(1, 6).Draw(t, "commands") {
			c := domain.Draw(t, *s.Order())
			all = append(all, c)
			var events []domain.Event
			if events, want = s.Order().Decide(c); want != nil {
				break
			}
			s.Record(t, events...)
		}
		start := o
		start.ID = s.ID() // which a new order does not know yet
		a, err := work.Prepare(&start, domain.Metadata{}, all...)
		if want != nil {
			if err == nil || err.Error() != want.Error() || !reflect.DeepEqual(a, work.Unit{}) {
				t.Fatalf("prepared %+v, err %v; want nothing and %v", a, err, want)
			}
			return
		}
		if err != nil || a.Expected != o.Version || a.OrderID != s.ID() {
			t.Fatalf("prepared for %s at %d, err %v", a.OrderID, a.Expected, err)
		}
		compare(t, o, a, s.Events()[o.Version:])
	})
}

// compare holds a unit of work against the events that step by step came to, and its
// messages against those events.
func compare(t *rapid.T, o domain.Order, a work.Unit, events []domain.Recorded) {
	messages := a.Messages
	for i, r := range events {
		if i >= len(a.Events) || !reflect.DeepEqual(a.Events[i], r.Event) {
			t.Fatalf("prepared %#v, want %#v at %d", a.Events, r.Event, i)
		}
		topic, follows := work.FollowUp(&o, r.Event)
		if err := o.Apply(r); err != nil {
			t.Fatal(err)
		}
		if !follows {
			continue
		}
		if len(messages) == 0 || messages[0].Topic != topic || messages[0].Event != i || messages[0].UUID != domain.EventID(r.OrderID, r.Version) {
			t.Fatalf("messages %+v, want the first for %s, caused by event %d", messages, topic, i)
		}
		messages = messages[1:]
	}
	if len(a.Events) != len(events) || len(messages) > 0 {
		t.Fatalf("%d events, want %d; %d messages too many", len(a.Events), len(events), len(messages))
	}
}
