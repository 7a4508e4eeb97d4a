package eventstore

import (
	"context"
	"sync"

	"orderflow/domain"
)

// Bounds of what a store keeps of the end of its log, over all partitions.
const (
	tailEvents = 16_384
	tailBytes  = 64 << 20
)

// Follower reads the log of its store for somebody who is close behind its end: what
// this store has appended last it gives from memory, and does not have read and decoded
// again. What is not there, or was appended elsewhere, is read from the database.
type Follower struct{ *Store }

// Follower gives a follower of the log.
func (s *Store) Follower() Follower { return Follower{s} }

// ReadLog is Store.ReadLog. The events are shared and must not be changed. It may give
// fewer than limit although there are more; it gives none only at the end.
func (f Follower) ReadLog(ctx context.Context, partition int, after int64, limit int) ([]domain.Recorded, error) {
	if partition >= 0 && partition < len(f.lanes) {
		if events := f.lanes[partition].tail.read(after, limit); len(events) > 0 {
			return events, nil
		}
	}
	return f.Store.ReadLog(ctx, partition, after, limit)
}

// logTail is the last part of a partition that this store appended without another
// in between.
type logTail struct {
	mu     sync.Mutex
	events []domain.Recorded // positions without holes
	bytes  int
}

// add takes committed events that follow each other. What they do not follow is forgotten.
func (t *logTail) add(events []domain.Recorded, mostEvents, mostBytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.events); n > 0 && t.events[n-1].Position+1 != events[0].Position {
		t.events, t.bytes = nil, 0
	}
	t.events = append(t.events, events...)
	for _, r := range events {
		t.bytes += sizeOf(r)
	}
	if len(t.events) <= mostEvents && t.bytes <= mostBytes {
		return
	}
	// Half goes at once, into a new array, so that it is rare and what goes can be collected.
	drop := 0
	for drop < len(t.events) && (len(t.events)-drop > mostEvents/2 || t.bytes > mostBytes/2) {
		t.bytes -= sizeOf(t.events[drop])
		drop++
	}
	t.events = append(make([]domain.Recorded, 0, mostEvents/2), t.events[drop:]...)
}

func (t *logTail) read(after int64, limit int) []domain.Recorded {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) == 0 || after+1 < t.events[0].Position {
		return nil
	}
	from := int(after + 1 - t.events[0].Position)
	if from >= len(t.events) {
		return nil
	}
	events := t.events[from:]
	events = events[:min(limit, len(events))]
	return events[:len(events):len(events)]
}

// sizeOf is about what an event takes in memory.
func sizeOf(r domain.Recorded) int { return 512 + len(r.Data) + len(r.RawMeta) }
