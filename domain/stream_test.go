package domain

import (
	"slices"
	"time"

	"pgregory.net/rapid"
)

// stream is an order and its history, as an event store would keep it.
type stream struct {
	id     OrderID
	order  Order
	events []Recorded
}

// epoch is when the first event of a test's stream happens; each follows a second after
// the one before.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newStream() *stream { return &stream{id: OrderID{1}} }

// do decides a command and applies what follows.
func (s *stream) do(t rapid.TB, c Command) {
	t.Helper()
	decided, err := s.order.Decide(c)
	if err != nil {
		t.Fatalf("%T: %v", c, err)
	}
	s.record(t, decided...)
}

func (s *stream) record(t rapid.TB, decided ...Event) {
	t.Helper()
	for _, e := range decided {
		r := Recorded{OrderID: s.id, Version: s.order.Version + 1, Type: TypeOf(e), Event: e, RecordedAt: at(s.order.Version)}
		if err := s.order.Apply(r); err != nil {
			t.Fatalf("%T: %v", e, err)
		}
		s.events = append(s.events, r)
	}
}

// at is the time of the n-th event, counted from 0.
func at(n int) time.Time { return epoch.Add(time.Duration(n) * time.Second) }

// after gives the order after commands.
func after(t rapid.TB, commands ...Command) Order {
	t.Helper()
	s := newStream()
	for _, c := range commands {
		s.do(t, c)
	}
	return s.order
}

// Parts of histories. Attempts are the first, on node n.
var (
	place    = []Command{Place{TrackingID: "t"}}
	started  = with(place, StartStep{Scheduling, 1, "n"})
	paused   = with(started, InterruptStep{Scheduling, 1, "lost"})
	one      = with(started, CompleteStep{Scheduling, 1})
	two      = with(one, StartStep{PreProcessing, 1, "n"}, CompleteStep{PreProcessing, 1})
	three    = with(two, StartStep{Processing, 1, "n"}, CompleteStep{Processing, 1})
	four     = with(three, StartStep{PostProcessing, 1, "n"}, CompleteStep{PostProcessing, 1})
	failing  = with(two, StartStep{Processing, 1, "n"}, FailStep{Processing, 1, "no steel"})
	halfway  = with(failing, RollBackStep{Processing, 1, "n"}, RollBackStep{PreProcessing, 1, "n"})
	failed   = with(halfway, RollBackStep{Scheduling, 1, "n"})
	parked   = with(one, Park{"by hand"})
	resumed  = with(parked, Resume{"again"})
	rollPark = with(failing, Park{"no answer"})
	asked    = with(one, StartStep{PreProcessing, 1, "n"}, Cancel{"why", false})
	turned   = with(asked, InterruptStep{PreProcessing, 1, "cut"})
)

func with(history []Command, more ...Command) []Command { return append(slices.Clip(history), more...) }
