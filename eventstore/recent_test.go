package eventstore

import (
	"encoding/json"
	"testing"

	"orderflow/domain"
)

func eventOf(n byte, version int, e domain.Event) domain.Recorded {
	return domain.Recorded{OrderID: domain.OrderID{n, 15: 1}, Version: version, Event: e, Data: json.RawMessage(`{}`)}
}

func TestRecent(t *testing.T) {
	r, id := newRecent(1<<20), domain.OrderID{1, 15: 1}
	versions := func() int { return len(r.get(id)) }
	r.add([]domain.Recorded{eventOf(1, 2, domain.StepStarted{})})
	if versions() != 0 {
		t.Error("a stream whose beginning is not known is remembered")
	}
	r.add([]domain.Recorded{eventOf(1, 1, domain.OrderPlaced{}), eventOf(1, 2, domain.StepStarted{})})
	r.add([]domain.Recorded{eventOf(1, 3, domain.StepCompleted{})})
	if last, known := r.last(id); versions() != 3 || !known || last.Version != 3 {
		t.Errorf("%d events, the last %+v; want 3", versions(), last)
	}
	r.add([]domain.Recorded{eventOf(1, 5, domain.StepStarted{})})
	if versions() != 0 || r.bytes != 0 {
		t.Errorf("a stream with a gap is remembered: %d events, %d bytes", versions(), r.bytes)
	}
	r.add([]domain.Recorded{eventOf(1, 1, domain.OrderPlaced{}), eventOf(1, 2, domain.OrderFailed{})})
	if versions() != 0 || r.order.Len() != 0 {
		t.Error("a stream that has ended is remembered")
	}
}

func TestRecent_bounds(t *testing.T) {
	const most = 1 << 20
	r := newRecent(most)
	large := eventOf(1, 1, domain.OrderPlaced{})
	large.Data = make(json.RawMessage, most/4)
	for n := range byte(10) {
		large.OrderID[0] = n
		r.add([]domain.Recorded{large})
	}
	if _, first := r.last(domain.OrderID{0, 15: 1}); first || r.bytes > most || len(r.streams) != 3 {
		t.Errorf("%d streams with %d bytes are remembered, want the latest 3 with at most %d", len(r.streams), r.bytes, most)
	}
	r = newRecent(64 << 20)
	for n := range recentStreams + 5 {
		e := eventOf(0, 1, domain.OrderPlaced{})
		e.OrderID[1], e.OrderID[2] = byte(n), byte(n>>8)
		r.add([]domain.Recorded{e})
	}
	if len(r.streams) != recentStreams || r.order.Len() != recentStreams {
		t.Errorf("%d streams are remembered, want %d", len(r.streams), recentStreams)
	}
}
