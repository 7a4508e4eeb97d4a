package eventstore

import (
	"sync"

	"orderflow/domain"
)

// tailEvents bounds what a store keeps of the end of its log, over all partitions, beside its
// bytes.
const tailEvents = 16_384

// logTail is the last part of a partition that this store appended without another
// in between.
type logTail struct {
	mu     sync.Mutex
	events []*domain.Recorded // positions without holes
	bytes  int
}

// add takes committed events that follow each other. What they do not follow is forgotten.
func (t *logTail) add(events []*domain.Recorded, mostEvents, mostBytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.events); n > 0 && t.events[n-1].Position+1 != events[0].Position {
		t.events, t.bytes = nil, 0
	}
	for _, r := range events {
		t.events = append(t.events, r) // it moves what is kept now and then, and drops what is not
		for t.bytes += sizeOf(r); len(t.events) > mostEvents || t.bytes > mostBytes; t.events = t.events[1:] {
			t.bytes -= sizeOf(t.events[0])
			t.events[0] = nil
		}
	}
}

// clear forgets all events.
func (t *logTail) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events, t.bytes = nil, 0
}

func (t *logTail) read(after int64, limit int) []domain.Recorded {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) == 0 || after+1 < t.events[0].Position {
		return nil
	}
	from := int(min(after+1-t.events[0].Position, int64(len(t.events))))
	events := make([]domain.Recorded, 0, min(limit, len(t.events)-from))
	for size := 0; len(events) < cap(events) && size < pageBytes; {
		r := t.events[from+len(events)]
		events = append(events, *r)
		size += len(r.Data) + len(r.RawMeta)
	}
	return events
}
