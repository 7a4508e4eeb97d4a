package rows

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/schema"
)

// Log is the log of events, as a fold reads it.
type Log interface {
	// ReadLog gives up to limit events of a partition after a position, without holes; none only
	// at the end.
	ReadLog(ctx context.Context, partition int, after int64, limit int) ([]domain.Recorded, error)
	// Load gives the whole stream of an order; domain.ErrNotFound if there is none.
	Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error)
}

// Total is the sum of positions.
func Total(positions []int64) (sum int64) {
	for _, p := range positions {
		sum += p
	}
	return sum
}

// ReadLog is Log.ReadLog, and sees to it that nothing is left out.
func ReadLog(ctx context.Context, log Log, partition int, after int64, limit int) ([]domain.Recorded, error) {
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

// Classify gives a database error its kind in the domain's vocabulary.
func Classify(db *schema.DB, err error) error {
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
