package eventstore

import (
	"encoding/json"
	"testing"

	"orderflow/domain"
)

func at(positions ...int64) (events []*domain.Recorded) {
	for _, p := range positions {
		events = append(events, &domain.Recorded{Position: p, Data: json.RawMessage("{}")})
	}
	return events
}

func TestLogTail(t *testing.T) {
	var tail logTail
	want := func(after int64, limit int, from, to int64) {
		t.Helper()
		events := tail.read(after, limit)
		if from == 0 && len(events) == 0 {
			return
		}
		if int64(len(events)) != to-from+1 || events[0].Position != from || events[len(events)-1].Position != to {
			t.Errorf("after %d, at most %d: %d events; want positions %d to %d", after, limit, len(events), from, to)
		}
	}
	want(0, 10, 0, 0)
	tail.add(at(5, 6), 5, 1<<20)
	tail.add(at(7), 5, 1<<20)
	want(3, 10, 0, 0) // position 4 is not here
	want(4, 10, 5, 7)
	want(5, 1, 6, 6)
	want(7, 10, 0, 0)
	want(99, 10, 0, 0)
	kept := tail.read(4, 10)
	tail.add(at(8, 9, 10), 5, 1<<20) // the oldest go
	want(4, 10, 0, 0)
	want(5, 10, 6, 10)
	if len(kept) != 3 || kept[0].Position != 5 || cap(kept) != 3 {
		t.Errorf("what was read before has changed: %v", kept)
	}
	tail.add(at(12), 5, 1<<20) // position 11 is another's
	want(9, 10, 0, 0)
	want(11, 10, 12, 12)
	large := at(13)
	large[0].Data = make(json.RawMessage, 1000)
	tail.add(large, 5, 2000)
	tail.add(at(14), 5, 2000)
	want(12, 10, 0, 0)
	want(13, 10, 14, 14)
	if tail.bytes != sizeOf(at(14)[0]) {
		t.Errorf("it counts %d bytes for one event of %d", tail.bytes, sizeOf(at(14)[0]))
	}
}

// TestLogTail_long compares what is kept with a plain list, over many times its length, and holds
// the room that it takes.
func TestLogTail_long(t *testing.T) {
	var tail logTail
	var all []*domain.Recorded
	for n := range int64(400) {
		group := at(2*n+1, 2*n+2)
		tail.add(group, 301, 1<<20)
		all = append(all, group...)
		kept := all[max(0, len(all)-301):]
		got := tail.read(kept[0].Position-1, 1000)
		if len(got) != len(kept) || cap(tail.events) > 700 {
			t.Fatalf("after %d events %d are kept in room for %d, want %d in at most 700", len(all), len(got), cap(tail.events), len(kept))
		}
		for i := range got {
			if got[i].Position != kept[i].Position {
				t.Fatalf("event %d is at position %d, want %d", i, got[i].Position, kept[i].Position)
			}
		}
	}
}
