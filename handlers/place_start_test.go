package handlers

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
)

// slots grants one slot after the other, as long as there are any.
type slots struct {
	free    int
	ended   []*work.Next // one for each that was given; nil if nothing came of it
	carried []*domain.Order
}

func (s *slots) Reserve(topic string) (work.Lease, func(*work.Next, *domain.Order)) {
	if s.free == 0 {
		return work.Lease{}, nil
	}
	s.free--
	l := work.Lease{Topic: topic, Registration: work.Registration{Node: "n1", Epoch: 1}, Attempt: 1}
	return l, func(n *work.Next, o *domain.Order) { s.ended, s.carried = append(s.ended, n), append(s.carried, o) }
}

// delivered is what came of the first slot, in a handler's hand.
func (s *slots) delivered() (*hand, *message.Message) {
	return (&hand{next: s.ended[0], with: s.carried[0]}).passed()
}

// placeAs places an order of an id, by a registered node.
func placeAs(t *testing.T, b *bench, s *slots, id domain.OrderID) (Placed, error) {
	t.Helper()
	if b.node("n1").epoch == 0 {
		if _, err := b.Register(t.Context(), work.Node{Node: "n1"}, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	p := newPlacing(t, PlacingConfig{Store: b.cluster, Slots: s, Node: "n1", NewID: func() (domain.OrderID, error) { return id, nil }})
	return p.Place(t.Context(), NewOrder{CorrelationID: "request-1", TraceParent: "00-trace", IdempotencyKey: "k"})
}

func TestPlacing_Place_starts(t *testing.T) {
	b, s, id := newBench(t), &slots{free: 1}, domain.OrderID{2}
	before := b.left()
	placed, err := placeAs(t, b, s, id)
	if err != nil || placed != (Placed{OrderID: id, Status: domain.StatusPending}) {
		t.Fatalf("placed %+v (err %v), want the order, pending", placed, err)
	}
	stream, err := b.Load(t.Context(), id)
	if err != nil || len(stream) != 2 {
		t.Fatalf("the stream has %d events (err %v), want 2", len(stream), err)
	}
	if got, want := stream[0].Metadata, (domain.Metadata{Schema: 2, Actor: "customer", Node: "n1", CorrelationID: "request-1", TraceParent: "00-trace"}); got != want {
		t.Errorf("the order has metadata %+v, want %+v", got, want)
	}
	want := domain.Metadata{Schema: 1, Actor: "worker", Node: "n1", Attempt: 1, CorrelationID: "request-1", CausationID: domain.EventID(id, 1), TraceParent: "00-trace"}
	if got := stream[1].Metadata; got != want {
		t.Errorf("the start has metadata %+v, want %+v", got, want)
	}
	if got := stream[1].Event; got != (domain.StepStarted{Step: domain.Scheduling, Attempt: 1, Node: "n1"}) {
		t.Errorf("then came %#v", got)
	}
	if len(s.ended) != 1 || s.ended[0] == nil || s.ended[0].Message.UUID != domain.EventID(id, 1) || b.left() != before+1 || b.rowOf(s.ended[0].Lease) == nil {
		t.Errorf("delivered %+v; %d messages", s.ended, b.left())
	}
}

// TestPlacing_Place_startsWorked: the handler goes on with the attempt that it finds open.
func TestPlacing_Place_startsWorked(t *testing.T) {
	b, s := newBench(t), &slots{free: 1}
	b.id = domain.OrderID{2}
	if _, err := placeAs(t, b, s, b.id); err != nil {
		t.Fatal(err)
	}
	p, msg := s.delivered()
	if err := b.handle(t.Context(), p, msg); err != nil {
		t.Fatal(err)
	}
	b.wantLog(0, "OrderPlaced", "started Scheduling 1 n1", "completed Scheduling 1")
	if n := len(b.exec.executed); n != 1 {
		t.Errorf("executed %d times, want once", n)
	}
}

func TestPlacing_Place_goesByTheOutbox(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name   string
		free   int
		faults []fault
		events int
		err    error
		ended  int // slots that were given and freed again
	}{
		{name: "without a slot", events: 1},
		{name: "when the node is not registered any more", free: 1, faults: []fault{{before: domain.ErrFenced}}, events: 1, ended: 1},
		{name: "not at all, with another error", free: 1, faults: []fault{{before: boom}}, err: boom, ended: 1},
		{name: "not at all, when the answer was lost", free: 1, faults: []fault{{after: domain.ErrUnavailable}}, err: domain.ErrUnavailable, events: 2, ended: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, s, id := newBench(t), &slots{free: c.free}, domain.OrderID{2}
			b.fail(c.faults...)
			if _, err := placeAs(t, b, s, id); !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("err = %v, want %v", err, c.err)
			}
			if stream, _ := b.Load(t.Context(), id); len(stream) != c.events {
				t.Errorf("the stream has %d events, want %d", len(stream), c.events)
			}
			if want := make([]*work.Next, c.ended); !slices.Equal(s.ended, want) {
				t.Errorf("slots ended with %v, want %d freed", s.ended, c.ended)
			}
		})
	}
}

// TestPlacing_Place_closed: while no orders are taken, nothing is appended and no slot is asked for.
func TestPlacing_Place_closed(t *testing.T) {
	closed, s := errors.New("closed"), &slots{free: 1}
	store := &openings{}
	p := newPlacing(t, PlacingConfig{Store: store, Slots: s, Node: "n1", Closed: func() error { return closed }})
	if placed, err := p.Place(t.Context(), NewOrder{}); !errors.Is(err, closed) || placed.OrderID.IsZero() {
		t.Errorf("placed %+v, err %v", placed, err)
	}
	if len(store.appended) != 0 || s.free != 1 {
		t.Errorf("appended %v; %d slots are free", store.appended, s.free)
	}
}

func TestNewPlacing_incomplete(t *testing.T) {
	for _, c := range []PlacingConfig{{}, {Slots: &slots{}, Node: "n"}, {Store: newCluster(t), Slots: &slots{}}} {
		if _, err := NewPlacing(c); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%+v: err = %v, want ErrInvalid", c, err)
		}
	}
}
