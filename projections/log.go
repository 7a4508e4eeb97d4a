package projections

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/schema"
)

// Log is the log of events, as the event store keeps it.
type Log interface {
	Partitions() int
	// Heads gives the last position of every partition.
	Heads(ctx context.Context) ([]int64, error)
	// ReadLog gives up to limit events of a partition after a position, without holes; none only
	// at the end.
	ReadLog(ctx context.Context, partition int, after int64, limit int) ([]domain.Recorded, error)
	// Load gives the whole stream of an order; domain.ErrNotFound if there is none.
	Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error)
	// HasEvent is the condition of a statement that the log has an event at a place, with its hash:
	// the placeholders of partition, position and hash.
	HasEvent(partition, position, hash string) string
	// EachEvent calls f with every event of the streams after one id and up to another, stream by
	// stream, in order of version. An event that cannot be decoded comes with the reason.
	EachEvent(ctx context.Context, after, until domain.OrderID, f func(domain.Recorded, error)) error
	// EachEventOf is EachEvent for the streams of some orders.
	EachEventOf(ctx context.Context, ids []domain.OrderID, f func(domain.Recorded, error)) error
}

// readLog is Log.ReadLog, and sees to it that nothing is left out.
func readLog(ctx context.Context, log Log, partition int, after int64, limit int) ([]domain.Recorded, error) {
	events, err := log.ReadLog(ctx, partition, after, limit)
	if err != nil {
		return nil, err
	}
	for i, r := range events {
		if r.Position != after+int64(i)+1 {
			return nil, fmt.Errorf("%w: partition %d of the log has no event at position %d", domain.ErrCorrupt, partition, after+int64(i)+1)
		}
	}
	return events, nil
}

// classify gives a database error its kind in the domain's vocabulary.
func classify(db *schema.DB, err error) error {
	if err == nil || errors.Is(err, domain.ErrUnavailable) {
		return err
	}
	err = db.Translate(err)
	for _, kind := range []error{schema.ErrUnavailable, schema.ErrTransient, schema.ErrCommit} {
		if errors.Is(err, kind) {
			return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
		}
	}
	return err
}
