package logtest

import (
	"context"

	"orderflow/domain"
	"orderflow/eventstore"
)

// Sparing is a log that gives few events at a time, as one of large events does.
type Sparing struct {
	*eventstore.Store
	Most int
}

// ReadLog reads at most so many events.
func (l Sparing) ReadLog(ctx context.Context, partition int, after int64, limit int) ([]domain.Recorded, error) {
	return l.Store.ReadLog(ctx, partition, after, min(limit, l.Most))
}

// Hole is a log that has lost an event.
type Hole struct{ *eventstore.Store }

// ReadLog leaves out the second event that it reads.
func (l Hole) ReadLog(ctx context.Context, partition int, after int64, limit int) ([]domain.Recorded, error) {
	events, err := l.Store.ReadLog(ctx, partition, after, limit)
	if len(events) > 1 {
		events = append(events[:1:1], events[2:]...)
	}
	return events, err
}
