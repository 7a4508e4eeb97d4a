package eventstore

import (
	"bytes"
	"context"
	"fmt"

	"orderflow/domain"
)

// EachStream calls f with every stream that there is, whole, in order of stream id. It
// reads in pages of about pageSize events, or fewer that are large, and holds no transaction open, so that a
// stream that is appended to meanwhile may be given without its latest events.
//
// Events that cannot be decoded are given too, without Event, if undecodable is not
// nil and says so; without it they end the reading with their error. Streams are read through
// their index; if that is in disorder, the error is a domain.ErrCorrupt.
func (s *Store) EachStream(ctx context.Context, pageSize int, undecodable func(domain.Recorded, error), f func([]domain.Recorded) error) error {
	var stream []domain.Recorded
	var after domain.OrderID
	version := -1
	for {
		page, err := s.streamPage(ctx, after, version, pageSize, undecodable)
		if err != nil {
			return fmt.Errorf("read streams after %s: %w", domain.EventID(after, version), err)
		}
		if len(page) == 0 {
			break
		}
		if last := page[len(page)-1]; bytes.Compare(last.OrderID[:], after[:]) < 0 || last.OrderID == after && last.Version <= version {
			return fmt.Errorf("%w: event %s follows event %s", domain.ErrCorrupt, domain.EventID(last.OrderID, last.Version), domain.EventID(after, version))
		}
		for _, r := range page {
			if len(stream) > 0 && stream[0].OrderID != r.OrderID {
				if err := f(stream); err != nil {
					return err
				}
				stream = stream[:0]
			}
			stream = append(stream, r)
			after, version = r.OrderID, r.Version
		}
	}
	if len(stream) == 0 {
		return nil
	}
	return f(stream)
}

func (s *Store) streamPage(ctx context.Context, after domain.OrderID, version, limit int, undecodable func(domain.Recorded, error)) ([]domain.Recorded, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+columns+` FROM events `+ThroughStreams(s.db.Dialect())+`
		WHERE stream_id >= ?1 AND (stream_id > ?1 OR version > ?2)
		ORDER BY stream_id, version `+s.db.Dialect().Limit("?3"), after[:], version, limit)
	return s.collect(rows, err, limit, pageBytes, undecodable)
}
