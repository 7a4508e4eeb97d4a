package domain

import (
	"errors"
	"reflect"
	"testing"
)

func TestPrepare(t *testing.T) {
	meta := Metadata{Actor: "worker", Node: "n", CorrelationID: "c", TraceParent: "tp", CausationID: "before"}
	o := after(t, started...)
	was := o
	a, err := Prepare(o, o.ID, meta, CompleteStep{Scheduling, 1}, StartStep{PreProcessing, 1, "n"}, FailStep{PreProcessing, 1, "no"})
	if err != nil {
		t.Fatal(err)
	}
	want := Append{
		OrderID: o.ID, Expected: 2, Metadata: meta,
		Events: []Event{StepCompleted{Scheduling, 1, "n"}, StepStarted{PreProcessing, 1, "n"}, StepFailed{PreProcessing, 1, "n", "no"}},
		Messages: []Message{
			{
				Topic: "pre-processing", Event: 0, UUID: EventID(o.ID, 3), Payload: EncodeWork(o.ID),
				Metadata: map[string]string{"causation_id": EventID(o.ID, 3), "correlation_id": "c", "traceparent": "tp"},
			},
			{
				Topic: "rollback", Event: 2, UUID: EventID(o.ID, 5), Payload: EncodeWork(o.ID),
				Metadata: map[string]string{"causation_id": EventID(o.ID, 5), "correlation_id": "c", "traceparent": "tp"},
			},
		},
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("prepared\n%+v\nwant\n%+v", a, want)
	}
	if !reflect.DeepEqual(o, was) {
		t.Error("Prepare changed the order")
	}
}

func TestPrepare_place(t *testing.T) {
	id := OrderID{9}
	a, err := Prepare(Order{}, id, Metadata{}, Place{TrackingID: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if a.OrderID != id || a.Expected != 0 || len(a.Events) != 1 || len(a.Messages) != 1 {
		t.Fatalf("prepared %+v", a)
	}
	m := a.Messages[0]
	if m.Topic != "scheduling" || m.UUID != EventID(id, 1) || len(m.Metadata) != 1 {
		t.Errorf("message %+v, want one for scheduling with a causation id alone", m)
	}
}

// Events that are not recorded yet have no time; what they mean must not depend on it.
func TestPrepare_wholeHistory(t *testing.T) {
	a, err := Prepare(Order{}, OrderID{9}, Metadata{}, parked...)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := a.Events[len(a.Events)-1], (OrderParked{PreProcessing, "by hand"}); got != want {
		t.Errorf("the last event is %#v, want %#v", got, want)
	}
}

func TestPrepare_refused(t *testing.T) {
	o := after(t, place...)
	a, err := Prepare(o, o.ID, Metadata{}, StartStep{Scheduling, 1, "n"}, StartStep{Scheduling, 2, "n"})
	if !errors.Is(err, ErrStepRunning) || !reflect.DeepEqual(a, Append{}) {
		t.Errorf("prepared %+v, err %v; want nothing and ErrStepRunning", a, err)
	}
}

func TestAppend_Then(t *testing.T) {
	opens := func() Append {
		a, err := Prepare(Order{}, OrderID{9}, Metadata{Actor: "customer"}, Place{TrackingID: "t"})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	meta := Metadata{Actor: "worker", Node: "n"}
	a, err := opens().Then(meta, StartStep{Scheduling, 1, "n"})
	if err != nil {
		t.Fatal(err)
	}
	want := opens()
	want.Events = append(want.Events, StepStarted{Scheduling, 1, "n"})
	want.Other = map[int]Metadata{1: meta}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("prepared\n%+v\nwant\n%+v", a, want)
	}
	if a.MetadataOf(0).Actor != "customer" || a.MetadataOf(1) != meta {
		t.Errorf("metadata %+v and %+v", a.MetadataOf(0), a.MetadataOf(1))
	}
	later := opens()
	later.Expected = 1
	for name, c := range map[string]struct {
		a       Append
		command Command
		want    error
	}{
		"a unit that opens nothing":    {later, StartStep{Scheduling, 1, "n"}, ErrInvalid},
		"a command against a rule":     {opens(), StartStep{Processing, 1, "n"}, ErrOutOfTurn},
		"what nobody has to hear of":   {opens(), Park{"stop"}, nil},
		"what asks for a step's topic": {a, FailStep{Scheduling, 1, "no"}, ErrInvalid},
	} {
		if _, err := c.a.Then(meta, c.command); !errors.Is(err, c.want) {
			t.Errorf("%s: err = %v, want %v", name, err, c.want)
		}
	}
}
