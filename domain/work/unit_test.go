package work

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"orderflow/domain"
)

// after is the order after commands.
func after(t *testing.T, commands ...domain.Command) *domain.Order {
	t.Helper()
	o := &domain.Order{ID: domain.OrderID{1}}
	u, err := Prepare(o, domain.Metadata{}, commands...)
	if err != nil {
		t.Fatal(err)
	}
	if o, err = o.After(u.Events); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPrepare(t *testing.T) {
	meta := domain.Metadata{Actor: "worker", Node: "n", CorrelationID: "c", TraceParent: "tp", CausationID: "before"}
	o := after(t, domain.Place{}, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"})
	was := *o
	a, err := Prepare(o, meta, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1}, domain.StartStep{Step: domain.PreProcessing, Attempt: 1, Node: "n"}, domain.FailStep{Step: domain.PreProcessing, Attempt: 1, Error: "no"})
	if err != nil {
		t.Fatal(err)
	}
	want := Unit{
		OrderID: o.ID, Expected: 2, Metadata: meta,
		Events: []domain.Event{domain.StepCompleted{Step: domain.Scheduling, Attempt: 1, Node: "n"}, domain.StepStarted{Step: domain.PreProcessing, Attempt: 1, Node: "n"}, domain.StepFailed{Step: domain.PreProcessing, Attempt: 1, Node: "n", Error: "no"}},
		Messages: []Message{
			{
				Topic: "pre-processing", Event: 0, UUID: domain.EventID(o.ID, 3), Payload: EncodePayload(o.ID),
				Metadata: map[string]string{"causation_id": domain.EventID(o.ID, 3), "correlation_id": "c", "traceparent": "tp"},
			},
			{
				Topic: "rollback", Event: 2, UUID: domain.EventID(o.ID, 5), Payload: EncodePayload(o.ID),
				Metadata: map[string]string{"causation_id": domain.EventID(o.ID, 5), "correlation_id": "c", "traceparent": "tp"},
			},
		},
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("prepared\n%+v\nwant\n%+v", a, want)
	}
	if !reflect.DeepEqual(*o, was) {
		t.Error("Prepare changed the order")
	}
}

func TestPrepare_place(t *testing.T) {
	id := domain.OrderID{9}
	a, err := Prepare(&domain.Order{ID: id}, domain.Metadata{}, domain.Place{TrackingID: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if a.OrderID != id || a.Expected != 0 || len(a.Events) != 1 || len(a.Messages) != 1 {
		t.Fatalf("prepared %+v", a)
	}
	m := a.Messages[0]
	if m.Topic != "scheduling" || m.UUID != domain.EventID(id, 1) || len(m.Metadata) != 1 {
		t.Errorf("message %+v, want one for scheduling with a causation id alone", m)
	}
}

// Events that are not recorded yet have no time; what they mean must not depend on it.
func TestPrepare_wholeHistory(t *testing.T) {
	a, err := Prepare(&domain.Order{ID: domain.OrderID{9}}, domain.Metadata{}, domain.Place{TrackingID: "t"},
		domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"}, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1}, domain.Park{Reason: "by hand"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := a.Events[len(a.Events)-1], (domain.OrderParked{Step: domain.PreProcessing, Reason: "by hand"}); got != want {
		t.Errorf("the last event is %#v, want %#v", got, want)
	}
}

func TestPrepare_refused(t *testing.T) {
	o := after(t, domain.Place{})
	a, err := Prepare(o, domain.Metadata{}, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"}, domain.StartStep{Step: domain.Scheduling, Attempt: 2, Node: "n"})
	if !errors.Is(err, domain.ErrRule) || !strings.Contains(err.Error(), "an attempt of this step is open") || !reflect.DeepEqual(a, Unit{}) {
		t.Errorf("prepared %+v, err %v; want nothing and the rule", a, err)
	}
}

func TestUnit_Then(t *testing.T) {
	opens := func() Unit {
		a, err := Prepare(&domain.Order{ID: domain.OrderID{9}}, domain.Metadata{Actor: "customer"}, domain.Place{TrackingID: "t"})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	meta := domain.Metadata{Actor: "worker", Node: "n"}
	a, err := opens().Then(meta, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"})
	if err != nil {
		t.Fatal(err)
	}
	want := opens()
	want.Events = append(want.Events, domain.StepStarted{Step: domain.Scheduling, Attempt: 1, Node: "n"})
	want.Other = map[int]domain.Metadata{1: meta}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("prepared\n%+v\nwant\n%+v", a, want)
	}
	if a.MetadataOf(0).Actor != "customer" || a.MetadataOf(1) != meta {
		t.Errorf("metadata %+v and %+v", a.MetadataOf(0), a.MetadataOf(1))
	}
	later := opens()
	later.Expected = 1
	for name, c := range map[string]struct {
		a       Unit
		command domain.Command
		want    error
	}{
		"a unit that opens nothing":    {later, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"}, domain.ErrInvalid},
		"a command against a rule":     {opens(), domain.StartStep{Step: domain.Processing, Attempt: 1, Node: "n"}, domain.ErrRule},
		"what nobody has to hear of":   {opens(), domain.Park{Reason: "stop"}, nil},
		"what asks for a step's topic": {a, domain.FailStep{Step: domain.Scheduling, Attempt: 1, Error: "no"}, domain.ErrInvalid},
	} {
		if _, err := c.a.Then(meta, c.command); !errors.Is(err, c.want) {
			t.Errorf("%s: err = %v, want %v", name, err, c.want)
		}
	}
}
