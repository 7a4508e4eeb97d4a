package operate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// shelf keeps orders in memory.
type shelf struct {
	t       *testing.T
	streams map[domain.OrderID][]domain.Recorded
	beside  []Beside
	before  func() // the next append
	err     error  // of every append
}

func newShelf(t *testing.T) *shelf {
	return &shelf{t: t, streams: map[domain.OrderID][]domain.Recorded{}}
}

func (s *shelf) Load(_ context.Context, id domain.OrderID) ([]domain.Recorded, error) {
	if len(s.streams[id]) == 0 {
		return nil, domain.ErrNotFound
	}
	return s.streams[id], nil
}

func (s *shelf) Append(_ context.Context, u work.Unit, b Beside) error {
	if f := s.before; f != nil {
		s.before = nil
		f()
	}
	if s.err != nil {
		return s.err
	}
	if len(s.streams[u.OrderID]) != u.Expected {
		return domain.ErrConflict
	}
	for i, e := range u.Events {
		s.streams[u.OrderID] = append(s.streams[u.OrderID], domain.Recorded{
			OrderID: u.OrderID, Version: u.Expected + i + 1, Position: int64(10 * (u.Expected + i + 1)), Type: domain.TypeOf(e), Event: e, Metadata: u.MetadataOf(i),
			RecordedAt: time.Date(2026, 1, 2, 3, 4, u.Expected+i, 0, time.UTC),
		})
	}
	s.beside = append(s.beside, b)
	return nil
}

// has makes an order by commands.
func (s *shelf) has(id domain.OrderID, commands ...domain.Command) {
	s.t.Helper()
	o, err := domain.Fold(s.streams[id])
	if err != nil {
		s.t.Fatal(err)
	}
	o.ID = id
	u, err := work.Prepare(&o, domain.Metadata{CorrelationID: "request-1"}, commands...)
	if err == nil {
		err = s.Append(s.t.Context(), u, Beside{})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.beside = nil
}

// last is the last event of an order.
func (s *shelf) last(id domain.OrderID) domain.Recorded {
	return s.streams[id][len(s.streams[id])-1]
}

var (
	ann   = By{Actor: "operator:ann", Reason: "unwanted", About: map[string]string{"run_by": "root (uid 0)"}}
	one   = domain.OrderID{0x01, 15: 1}
	place = domain.Place{TrackingID: "T", Detail: []byte(`{"n":1}`), Customer: "acme", KeyHash: "ab"}
	first = domain.Scheduling
	start = domain.StartStep{Step: first, Attempt: 1, Node: "n1"}
	done  = domain.CompleteStep{Step: first, Attempt: 1}
	cut   = domain.InterruptStep{Step: first, Attempt: 1, Reason: "lost"}
	back  = domain.RollBackStep{Step: first, Attempt: 1, Node: "n1"}
)

func TestOrderLevers_Cancel(t *testing.T) {
	for name, c := range map[string]struct {
		history []domain.Command
		now     bool
		status  domain.Status
		next    string
		message string // the topic whose message has nothing more to ask for
		control bool
	}{
		"pending": {[]domain.Command{place}, true, domain.StatusCancelled, "nothing more happens", "scheduling", false},
		"running": {[]domain.Command{place, start}, false, domain.Status(first), "Scheduling, attempt 1, runs to its end on node n1; then a free worker rolls back Scheduling, last first, and the order ends Cancelled", "", false},
		"now":     {[]domain.Command{place, start}, true, domain.Status(first), "Scheduling, attempt 1, is cut short when node n1 next gives a sign of life", "", true},
		"between": {[]domain.Command{place, start, done}, true, domain.StatusRollingBack, "a free worker rolls back Scheduling, last first", "pre-processing", false},
		"parked":  {[]domain.Command{place, start, cut, domain.Park{Reason: "p"}}, false, domain.StatusRollingBack, "rolls back Scheduling", "scheduling", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.has(one, c.history...)
			at := len(s.streams[one])
			got, err := OrderLevers{s}.Cancel(t.Context(), Seen{ID: one, Version: at}, c.now, ann)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != c.status || got.OrderID != one || got.Version != len(s.streams[one]) || !strings.Contains(got.Next, c.next) {
				t.Errorf("answer %+v; want %s at %d: %s", got, c.status, len(s.streams[one]), c.next)
			}
			asked := s.streams[one][at]
			want := domain.Metadata{Actor: "operator:ann", RunBy: "root (uid 0)", CorrelationID: "request-1", CausationID: domain.EventID(one, at)}
			if asked.Event != (domain.OrderCancelRequested{Reason: "unwanted", Now: c.now}) || asked.Metadata != want {
				t.Errorf("recorded %#v by %+v", asked.Event, asked.Metadata)
			}
			b := s.beside[0]
			if (b.Message == nil) != (c.message == "") || b.Message != nil && b.Message.Topic != c.message {
				t.Errorf("done with is the message %+v, want %q", b.Message, c.message)
			}
			if (b.Control != nil) != c.control {
				t.Fatalf("control %+v", b.Control)
			}
			if c.control {
				if k := *b.Control; k.Kind != work.ControlCut || k.Name != one.String() || k.Actor != "operator:ann" || k.Reason != "unwanted" || k.SetAt.IsZero() {
					t.Errorf("control %+v", k)
				}
			}
		})
	}
}

// TestOrderLevers_refuse: what stands in the way is said, and nothing is appended.
func TestOrderLevers_refuse(t *testing.T) {
	failed := []domain.Command{place, start, domain.FailStep{Step: first, Attempt: 1, Error: "no"}}
	cancel := func(l OrderLevers, seen Seen, by By) error {
		_, err := l.Cancel(t.Context(), seen, false, by)
		return err
	}
	fail := func(l OrderLevers, seen Seen, by By) error { _, err := l.Fail(t.Context(), seen, by); return err }
	retry := func(l OrderLevers, seen Seen, by By) error { _, err := l.Retry(t.Context(), seen, by); return err }
	for name, c := range map[string]struct {
		history []domain.Command
		lever   func(OrderLevers, Seen, By) error
		by      By
		version int
		kind    error
		says    string
	}{
		"cancel an order that ended":  {[]domain.Command{place, domain.Cancel{Reason: "r"}}, cancel, ann, 0, domain.ErrRule, "cannot cancel order " + one.String() + ": the order has ended (it is Cancelled, at version 3)"},
		"cancel what rolls back":      {failed, cancel, ann, 0, domain.ErrRule, "the order is rolling back (it is RollingBack, at version 3)"},
		"cancel twice":                {[]domain.Command{place, start, domain.Cancel{Reason: "r"}}, cancel, ann, 0, domain.ErrRule, "asked for already"},
		"fail what is not parked":     {[]domain.Command{place, start}, fail, ann, 0, domain.ErrRule, "the order is not parked (it is Scheduling, at version 2)"},
		"retry what runs":             {[]domain.Command{place, start}, retry, ann, 0, domain.ErrRule, "before it has ended (it is Scheduling"},
		"retry what is not there":     {nil, retry, ann, 0, domain.ErrNotFound, ""},
		"cancel another version":      {[]domain.Command{place, start}, cancel, ann, 1, domain.ErrConflict, "is at version 2, and not at 1"},
		"fail another version":        {[]domain.Command{place, start}, fail, ann, 3, domain.ErrConflict, "is at version 2, and not at 3"},
		"retry another version":       {[]domain.Command{place, domain.Cancel{Reason: "r"}}, retry, ann, 1, domain.ErrConflict, "is at version 3, and not at 1"},
		"cancel without a reason":     {[]domain.Command{place}, cancel, By{Actor: "operator"}, 0, domain.ErrInvalid, "reason"},
		"retry without a reason":      {[]domain.Command{place, domain.Cancel{Reason: "r"}}, retry, By{Actor: "operator", Reason: " "}, 0, domain.ErrInvalid, "reason"},
		"fail with too long a reason": {[]domain.Command{place, domain.Park{Reason: "p"}}, fail, By{Actor: "operator", Reason: strings.Repeat("é", 501)}, 0, domain.ErrInvalid, "1 to 1000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			if c.history != nil {
				s.has(one, c.history...)
			}
			err := c.lever(OrderLevers{s}, Seen{ID: one, Version: c.version}, c.by)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || len(s.beside) > 0 {
				t.Errorf("err = %v after %d appends; want %v with %q and none", err, len(s.beside), c.kind, c.says)
			}
			var moved *VersionError
			if errors.As(err, &moved) != (c.version > 0) {
				t.Errorf("err = %v, which is a VersionError: %v", err, moved)
			}
		})
	}
}

// TestOrderLevers_race: an order that moves on while it is decided on is looked at again.
func TestOrderLevers_race(t *testing.T) {
	s := newShelf(t)
	s.has(one, place, start)
	s.before = func() { s.has(one, done) }
	got, err := OrderLevers{s}.Cancel(t.Context(), Seen{ID: one}, false, ann)
	if err != nil || got.Status != domain.StatusRollingBack || s.beside[0].Message == nil {
		t.Errorf("%+v, err %v; want it decided on what came between", got, err)
	}
	s = newShelf(t)
	s.has(one, place, start)
	s.before = func() { s.has(one, done) }
	if _, err := (OrderLevers{s}).Cancel(t.Context(), Seen{ID: one, Version: 2}, false, ann); !errors.As(err, new(*VersionError)) {
		t.Errorf("err = %v, want that it is not the version that was seen", err)
	}
	s.err = &domain.LevelError{What: "orders can be cancelled", Level: 3}
	if _, err := (OrderLevers{s}).Cancel(t.Context(), Seen{ID: one}, false, ann); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("err = %v, want ErrUnavailable", err)
	}
}

func TestOrderLevers_Fail(t *testing.T) {
	s := newShelf(t)
	s.has(one, place, start, cut, domain.Park{Reason: "p"})
	got, err := OrderLevers{s}.Fail(t.Context(), Seen{ID: one}, ann)
	if err != nil || got.Status != domain.StatusRollingBack || !strings.Contains(got.Next, "Scheduling, last first, and the order ends Failed") {
		t.Errorf("%+v, err %v", got, err)
	}
	if m := s.beside[0].Message; m == nil || m.Topic != "scheduling" || m.Position != 10 {
		t.Errorf("done with is the message %+v, want that of the first step", m)
	}
	other := domain.OrderID{2}
	s.has(other, place, domain.Park{Reason: "p"})
	if got, err := (OrderLevers{s}).Fail(t.Context(), Seen{ID: other}, ann); err != nil || got.Status != domain.StatusFailed {
		t.Errorf("an order that had not begun: %+v, err %v", got, err)
	}
}

func TestOrderLevers_Retry(t *testing.T) {
	s := newShelf(t)
	s.has(one, place, start, domain.FailStep{Step: first, Attempt: 1, Error: "no"}, back)
	got, err := OrderLevers{s}.Retry(t.Context(), Seen{ID: one}, ann)
	if err != nil || got.Status != domain.StatusPending || got.Version != 1 || got.RetryOf != one || got.Repeated || got.OrderID == one {
		t.Fatalf("%+v, err %v; want a new order", got, err)
	}
	placed := s.last(got.OrderID)
	p := placed.Event.(domain.OrderPlaced)
	if p.TrackingID != "T" || p.Customer != "acme" || string(p.Detail) != `{"n":1}` || p.RetryOf != one || p.KeyHash != "" {
		t.Errorf("placed %+v", p)
	}
	if m := placed.Metadata; m.Actor != "operator:ann" || m.CausationID != domain.EventID(one, 5) || m.CorrelationID != "request-1" {
		t.Errorf("by %+v", m)
	}
	if id := got.OrderID; id[6]>>4 != 7 || id[8]>>6 != 2 || s.last(one).RecordedAt.UnixMilli() != int64(id[0])<<40|int64(id[1])<<32|int64(id[2])<<24|int64(id[3])<<16|int64(id[4])<<8|int64(id[5]) {
		t.Errorf("id %s is no UUID of version 7 with the time at which the order ended", id)
	}
	again, err := OrderLevers{s}.Retry(t.Context(), Seen{ID: one}, ann)
	if err != nil || again.OrderID != got.OrderID || !again.Repeated || len(s.streams) != 2 {
		t.Errorf("the repeat: %+v, err %v; want the same order", again, err)
	}
	s.has(got.OrderID, domain.Cancel{Reason: "r"})
	if third, err := (OrderLevers{s}).Retry(t.Context(), Seen{ID: got.OrderID}, ann); err != nil || third.RetryOf != got.OrderID || third.OrderID == one {
		t.Errorf("of the new try: %+v, err %v", third, err)
	}
}
