package eventstore

import (
	"context"

	"orderflow/domain"
)

// LoadAt is Load for a caller who knows the position of an event of the order. If the store
// remembers the stream up to that event or further, it answers from memory. The stream may have
// grown since, or a backup may have been restored: then the caller's append fails with
// domain.ErrConflict. A decision that cannot be undone, such as dropping a message, needs Load.
func (s *Store) LoadAt(ctx context.Context, id domain.OrderID, position int64) ([]domain.Recorded, error) {
	if events := s.memory.recent.get(id); len(events) > 0 && events[len(events)-1].Position >= position {
		return events, nil
	}
	events, err := s.Load(ctx, id)
	if err == nil {
		s.memory.remember(events)
	}
	return events, err
}

// Follower reads the log for a reader that is close behind its end. It gives the events that its
// store appended last from memory, and reads all others from the database.
type Follower struct{ *Store }

// Follower makes a follower of the log.
func (s *Store) Follower() Follower { return Follower{s} }

// ReadLog is Store.ReadLog. The events share memory with the store: callers must not change them.
func (f Follower) ReadLog(ctx context.Context, partition int, after int64, limit int) ([]domain.Recorded, error) {
	if partition >= 0 && partition < f.partitions {
		if events := f.memory.tails[partition].read(after, limit); len(events) > 0 {
			return events, nil
		}
	}
	events, err := f.Store.ReadLog(ctx, partition, after, limit)
	if len(events) > 0 {
		f.memory.marks.reach(&events[len(events)-1])
	}
	return events, err
}
