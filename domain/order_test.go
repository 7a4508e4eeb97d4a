package domain

import (
	"errors"
	"testing"
)

func TestOrder_Status(t *testing.T) {
	for name, c := range map[string]struct {
		history []Command
		status  Status
		current Step
	}{
		"nothing":                     {nil, StatusPending, ""},
		"placed":                      {place, StatusPending, ""},
		"first step runs":             {started, Status(Scheduling), Scheduling},
		"first step interrupted":      {paused, Status(Scheduling), Scheduling},
		"first step done":             {one, Status(PreProcessing), PreProcessing},
		"two steps done":              {two, Status(Processing), Processing},
		"three steps done":            {three, Status(PostProcessing), PostProcessing},
		"all done":                    {four, StatusCompleted, ""},
		"a step failed":               {failing, StatusRollingBack, Processing},
		"half rolled back":            {halfway, StatusRollingBack, Scheduling},
		"rolled back":                 {failed, StatusFailed, ""},
		"parked":                      {parked, StatusParked, PreProcessing},
		"parked while rolling back":   {rollPark, StatusParked, Processing},
		"parked before the beginning": {with(place, Park{}), StatusParked, ""},
		"resumed":                     {resumed, Status(PreProcessing), PreProcessing},
		"resumed while rolling back":  {with(rollPark, Resume{}), StatusRollingBack, Processing},
	} {
		o := after(t, c.history...)
		if o.Status() != c.status || o.CurrentStep() != c.current {
			t.Errorf("%s: status %s at %q, want %s at %q", name, o.Status(), o.CurrentStep(), c.status, c.current)
		}
		if ended := c.status == StatusCompleted || c.status == StatusFailed; o.Status().Ended() != ended || o.EndedAt.IsZero() == ended {
			t.Errorf("%s: ended %v at %v, want ended %v", name, o.Status().Ended(), o.EndedAt, ended)
		}
	}
}

func TestOrder_Apply_state(t *testing.T) {
	s := newStream()
	for _, c := range with(paused,
		StartStep{Scheduling, 4, "m"}, CompleteStep{Scheduling, 4},
		StartStep{PreProcessing, 1, "m"}, FailStep{PreProcessing, 1, "no"}, RollBackStep{PreProcessing, 2, "k"}) {
		s.do(t, c)
	}
	o := s.order
	if o.ID != s.id || o.TrackingID != "t" || o.Version != 8 || o.PlacedAt != at(0) || o.StartedAt != at(1) {
		t.Errorf("order %+v", o)
	}
	want := [StepCount]StepState{
		{Status: StepStatusCompleted, Attempt: 4, Node: "m", StartedAt: at(3), CompletedAt: at(4)},
		{Status: StepStatusRolledBack, Attempt: 1, Node: "m", StartedAt: at(5), CompletedAt: at(6), RolledBackAt: at(7), Error: "no"},
		{Status: StepStatusPending}, {Status: StepStatusPending},
	}
	if o.Steps != want {
		t.Errorf("steps are\n%+v\nwant\n%+v", o.Steps, want)
	}
	if o.Step(PreProcessing) != want[1] || o.Step("Painting") != (StepState{}) {
		t.Errorf("Step: %+v and %+v", o.Step(PreProcessing), o.Step("Painting"))
	}
	interrupted := after(t, paused...).Steps[0]
	if interrupted != (StepState{Status: StepStatusInterrupted, Attempt: 1, Node: "n", StartedAt: at(1), CompletedAt: at(2), Error: "lost"}) {
		t.Errorf("interrupted step %+v", interrupted)
	}
}

// stranger is an event that no version of the program knows.
type stranger struct{}

func (stranger) eventType() string { return "Stranger" }

func TestOrder_Apply_corrupt(t *testing.T) {
	good := Recorded{OrderID: OrderID{1}, Version: 3, Event: StepCompleted{Step: Scheduling, Attempt: 1}}
	for name, change := range map[string]func(*Recorded){
		"a version is missing":   func(r *Recorded) { r.Version = 4 },
		"a version comes twice":  func(r *Recorded) { r.Version = 2 },
		"of another order":       func(r *Recorded) { r.OrderID = OrderID{2} },
		"of an unknown type":     func(r *Recorded) { r.Event = stranger{} },
		"of an unknown step":     func(r *Recorded) { r.Event = StepCompleted{Step: "Painting"} },
		"that was not decoded":   func(r *Recorded) { r.Event = nil },
		"started unknown step":   func(r *Recorded) { r.Event = StepStarted{Step: "Painting"} },
		"failed an unknown step": func(r *Recorded) { r.Event = StepFailed{} },
	} {
		o := after(t, started...)
		r := good
		change(&r)
		if err := o.Apply(r); !errors.Is(err, ErrCorrupt) || o.Version != 2 {
			t.Errorf("an event %s: err %v, version %d; want ErrCorrupt, 2", name, err, o.Version)
		}
	}
	s := newStream()
	for _, c := range one {
		s.do(t, c)
	}
	if _, err := Fold(s.events[1:]); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a stream without its beginning: err %v, want ErrCorrupt", err)
	}
	if o, err := Fold(nil); err != nil || o.Version != 0 {
		t.Errorf("an empty stream: version %d, err %v", o.Version, err)
	}
}

func TestOrder_NextRollback(t *testing.T) {
	for name, c := range map[string]struct {
		history []Command
		want    Step
	}{
		"nothing failed": {two, ""}, "completed": {four, ""}, "failed": {failing, Processing},
		"half way": {halfway, Scheduling}, "ended": {failed, ""}, "running": {started, ""},
	} {
		o := after(t, c.history...)
		if step, left := o.NextRollback(); step != c.want || left != (c.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, step, left, c.want)
		}
	}
}

// Between the last step's completion and the order's, which one decision makes, the
// order stands at its last step and has no empty status.
func TestOrder_Status_betweenTheLastEvents(t *testing.T) {
	var o Order
	version := 0
	apply := func(e Event) {
		version++
		if err := o.Apply(Recorded{OrderID: OrderID{1}, Version: version, Event: e}); err != nil {
			t.Fatal(err)
		}
	}
	apply(OrderPlaced{})
	for _, step := range Steps() {
		apply(StepStarted{Step: step, Attempt: 1, Node: "n"})
		apply(StepCompleted{Step: step, Attempt: 1, Node: "n"})
	}
	if o.Status() != Status(PostProcessing) || o.CurrentStep() != PostProcessing {
		t.Fatalf("status %q, current step %q; want PostProcessing", o.Status(), o.CurrentStep())
	}
}
