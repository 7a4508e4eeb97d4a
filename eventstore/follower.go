package eventstore

import (
	"context"
	"sync"

	"orderflow/domain"
)

// tailEvents bounds what a store keeps of the end of its log, over all partitions, beside its
// bytes.
const tailEvents = 16_384

// Follower reads the log of its store for somebody who is close behind its end: what
// this store has appended last it gives from memory, and does not have read and decoded
// again. What is not there, or was appended elsewhere, is read from the database.
type Follower struct{ *Store }

// Follower gives a follower of the log.
func (s *Store) Follower() Follower { return Follower{s} }

// ReadLog is Store.ReadLog. What the events point to is shared and must not be changed.
func (f Follower) ReadLog(ctx context.Context, partition int, after int64, limit int) ([]domain.Recorded, error) {
	if partition >= 0 && partition < len(f.lanes) {
		if events := f.lanes[partition].tail.read(after, limit); len(events) > 0 {
			return events, nil
		}
	}
	events, err := f.Store.ReadLog(ctx, partition, after, limit)
	if len(events) > 0 {
		f.marks.reach(&events[len(events)-1])
	}
	return events, err
}

// logTail is the last part of a partition that this store appended without another
// in between: a ring, so that what comes and goes under load leaves no garbage.
type logTail struct {
	mu    sync.Mutex
	ring  []*domain.Recorded // positions without holes, from first on
	first int
	count int
	bytes int
}

// add takes committed events that follow each other. What they do not follow is forgotten.
func (t *logTail) add(events []*domain.Recorded, mostEvents, mostBytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count > 0 && t.at(t.count-1).Position+1 != events[0].Position {
		t.dropAll()
	}
	for _, r := range events {
		if t.count == len(t.ring) {
			t.grow(mostEvents)
		}
		t.ring[(t.first+t.count)%len(t.ring)] = r
		t.count++
		t.bytes += sizeOf(r)
		for t.count > mostEvents || t.bytes > mostBytes {
			t.drop()
		}
	}
}

// clear forgets all events.
func (t *logTail) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropAll()
}

func (t *logTail) dropAll() {
	for t.count > 0 {
		t.drop()
	}
}

func (t *logTail) at(i int) *domain.Recorded { return t.ring[(t.first+i)%len(t.ring)] }

// drop forgets the first event.
func (t *logTail) drop() {
	t.bytes -= sizeOf(t.ring[t.first])
	t.ring[t.first] = nil
	t.first = (t.first + 1) % len(t.ring)
	t.count--
}

// grow makes room for at least one event more, and for one more than are kept in the end.
func (t *logTail) grow(mostEvents int) {
	ring := make([]*domain.Recorded, min(max(2*len(t.ring), 64), mostEvents+1))
	for i := range t.count {
		ring[i] = t.at(i)
	}
	t.ring, t.first = ring, 0
}

func (t *logTail) read(after int64, limit int) []domain.Recorded {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count == 0 || after+1 < t.at(0).Position {
		return nil
	}
	from := int(after + 1 - t.at(0).Position)
	if from >= t.count {
		return nil
	}
	events := make([]domain.Recorded, 0, min(limit, t.count-from))
	for size := 0; len(events) < cap(events) && size < pageBytes; {
		r := t.at(from + len(events))
		events = append(events, *r)
		size += len(r.Data) + len(r.RawMeta)
	}
	return events
}

// sizeOf is about what an event takes in memory. What is large in it is a part of what is stored
// (domain.Within).
func sizeOf(r *domain.Recorded) int { return 512 + len(r.Data) + len(r.RawMeta) }
