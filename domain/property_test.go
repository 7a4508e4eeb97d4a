package domain

import (
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// commands draws any command, with steps and attempts near those that are used.
func commands() *rapid.Generator[Command] {
	return rapid.Custom(func(t *rapid.T) Command {
		step := rapid.SampledFrom(append(Steps(), "Painting", "")).Draw(t, "step")
		attempt := rapid.IntRange(-1, 4).Draw(t, "attempt")
		node := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "node")
		text := rapid.SampledFrom([]string{"", "x", "größer"}).Draw(t, "text")
		return rapid.SampledFrom([]Command{
			Place{TrackingID: text, Detail: []byte(`{"n":1}`)},
			StartStep{step, attempt, node}, CompleteStep{step, attempt}, FailStep{step, attempt, text},
			InterruptStep{step, attempt, text}, RollBackStep{step, attempt, node}, Park{text}, Resume{text},
			Cancel{text, attempt > 2}, Fail{text},
		}).Draw(t, "command")
	})
}

// sensible draws a command that the order's state suggests, so that histories get
// long; some are refused all the same.
func sensible(t *rapid.T, o Order) Command {
	step := o.CurrentStep()
	if step == "" {
		step = Scheduling
	}
	s := o.Step(step)
	switch {
	case o.Version == 0:
		return Place{TrackingID: "t"}
	case o.Parked:
		return rapid.SampledFrom([]Command{Resume{}, Resume{}, Fail{"given up"}, Cancel{"unwanted", false}}).Draw(t, "parked")
	case o.Status() == StatusRollingBack:
		return RollBackStep{step, s.Attempt, "a"}
	case s.Status == StepStatusRunning:
		return rapid.SampledFrom([]Command{
			CompleteStep{step, s.Attempt}, CompleteStep{step, s.Attempt}, CompleteStep{step, s.Attempt}, CompleteStep{step, s.Attempt},
			CompleteStep{step, s.Attempt}, CompleteStep{step, s.Attempt}, CompleteStep{step, s.Attempt}, CompleteStep{step, s.Attempt},
			FailStep{step, s.Attempt, "no"}, InterruptStep{step, s.Attempt, "lost"}, Park{"p"},
			Cancel{"unwanted", false}, Cancel{"unwanted", true},
		}).Draw(t, "end")
	}
	return rapid.SampledFrom([]Command{
		StartStep{step, s.Attempt + 1, "a"}, StartStep{step, s.Attempt + 2, "b"}, StartStep{step, s.Attempt + 1, "b"}, Park{"p"},
		StartStep{step, s.Attempt + 1, "a"}, StartStep{step, s.Attempt + 1, "a"}, StartStep{step, s.Attempt + 1, "a"}, Cancel{"unwanted", false},
	}).Draw(t, "begin")
}

func draw(t *rapid.T, o Order) Command {
	if rapid.IntRange(0, 3).Draw(t, "any") == 0 {
		return commands().Draw(t, "command")
	}
	return sensible(t, o)
}

// Any sequence of commands keeps the rules, as the model knows them, and what was
// decided always applies, folds and survives being stored.
func TestDecide_anySequence(t *testing.T) {
	reached := map[Status]bool{}
	rapid.Check(t, func(t *rapid.T) {
		codec := newCodec()
		s, m := newStream(), newModel()
		for range rapid.IntRange(1, 60).Draw(t, "length") {
			c := draw(t, s.order)
			events, err := s.order.Decide(c)
			if allowed := m.allows(c); allowed != (err == nil) {
				t.Fatalf("%#v after %d events: err = %v, the model allows it: %v", c, m.events, err, allowed)
			}
			if err != nil {
				if !errors.Is(err, ErrRule) || len(events) > 0 {
					t.Fatalf("%#v: err %v with %d events, want a rule and none", c, err, len(events))
				}
				continue
			}
			for _, e := range events {
				was := m.rolling() || m.ended
				if err := m.happen(e); err != nil {
					t.Fatal(err)
				}
				if turns, want := s.order.TurnsRound(e), !was && m.rolling() && !m.ended; turns != want {
					t.Fatalf("%#v after %d events turns the order round: %v, by the model %v", e, m.events-1, turns, want)
				}
				s.record(t, throughCodec(t, codec, e))
			}
			s.hold(t, m)
			reached[m.status()] = true
		}
	})
	if len(reached) != len(Statuses()) {
		t.Errorf("the sequences reached only %v", reached)
	}
}

// hold compares a stream with the model, and its order with the fold of its events.
func (s *stream) hold(t *rapid.T, m *model) {
	if s.order.Status() != m.status() {
		t.Fatalf("the order is %s, the model %s", s.order.Status(), m.status())
	}
	for i, r := range s.events {
		if r.Version != i+1 {
			t.Fatalf("event %d has version %d", i+1, r.Version)
		}
	}
	folded, err := Fold(s.events)
	if err != nil || !reflect.DeepEqual(folded, s.order) {
		t.Fatalf("the events fold to %+v, err %v; want %+v", folded, err, s.order)
	}
	restored := s.order
	restored.Parked, restored.outcome = false, ""
	if restored, err = Restore(restored, s.order.Status()); err != nil || !reflect.DeepEqual(restored, s.order) {
		t.Fatalf("restored to %+v, err %v; want %+v", restored, err, s.order)
	}
	if step, left := s.order.NextRollback(); left != (m.rolling() && !m.ended && len(m.toRollBack) > 0) || left && step != m.toRollBack[0] {
		t.Fatalf("next to roll back is %q (%v), by the model one of %v", step, left, m.toRollBack)
	}
}

func throughCodec(t *rapid.T, codec codec, e Event) Event {
	encoded, err := codec.encode(EventLevel, e)
	if err != nil {
		t.Fatal(err)
	}
	again, err := codec.decode(TypeOf(e), encoded.Schema, string(encoded.Data))
	if err != nil || !reflect.DeepEqual(again, e) {
		t.Fatalf("%#v came back as %#v, err %v", e, again, err)
	}
	return again
}
