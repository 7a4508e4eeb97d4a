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

// Page is a part of the log that was read at once: events, or the error.
type Page struct {
	Events []domain.Recorded
	Err    error
}

// Span is a part of one partition of the log: the events after one position and up to another.
type Span struct {
	Partition    int
	After, Until int64
}

// Pages reads a span of the log in pages of up to most events; most is 2 or more. The span must lie
// before the head. Pages reads up to two pages ahead. The channel is closed after the last page, after an
// error, and when ctx ends. Events of one decision are on one page.
func Pages(ctx context.Context, log Log, s Span, most int) <-chan Page {
	pages := make(chan Page, 1)
	go func() {
		defer close(pages)
		for s.After < s.Until {
			events, err := ReadLog(ctx, log, s.Partition, s.After, int(min(s.Until-s.After, int64(most))))
			if n := len(events); n > 1 && events[n-1].Position < s.Until {
				events = whole(events)
			}
			if err == nil && len(events) == 0 {
				err = fmt.Errorf("%w: partition %d of the log ends at position %d, before its head", domain.ErrCorrupt, s.Partition, s.After)
			}
			select {
			case <-ctx.Done():
				return
			case pages <- Page{Events: events, Err: err}:
			}
			if err != nil {
				return
			}
			s.After = events[len(events)-1].Position
		}
	}()
	return pages
}

// whole leaves out the last event of a page that was cut off, if another of the same
// decision follows it.
func whole(events []domain.Recorded) []domain.Recorded {
	last := len(events) - 1
	followed := false
	switch e := events[last].Event.(type) {
	case domain.StepCompleted:
		_, more := e.Step.Next()
		followed = !more // by OrderCompleted
	case domain.StepRolledBack:
		followed = e.Step == StepNames[0] // by OrderFailed or OrderCancelled
	case domain.OrderCancelRequested, domain.OrderFailRequested:
		followed = true // where nothing has begun, by the end
	}
	if followed {
		return events[:last]
	}
	return events
}

// ReadLog is Log.ReadLog, and checks that there are no holes.
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
