package eventstore

import (
	"context"

	"orderflow/domain"
)

// LoadAt is Load for a caller who knows the position of an event of the order. If this store
// remembers the order up to that event, or further, it gives what it remembers and does not ask
// the database. Others may have appended since, or a backup may have been restored: both show
// when the caller appends (domain.ErrConflict). Nothing that cannot be taken back, such as the
// dropping of a message, may rest on the answer; Load reads what is stored.
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

// Follower reads the log of its store for somebody who is close behind its end: what
// this store has appended last it gives from memory, and does not have read and decoded
// again. What is not there, or was appended elsewhere, is read from the database.
type Follower struct{ *Store }

// Follower gives a follower of the log.
func (s *Store) Follower() Follower { return Follower{s} }

// ReadLog is Store.ReadLog. What the events point to is shared and must not be changed.
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
