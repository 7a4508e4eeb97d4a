package eventstore

import (
	"bytes"
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/schema"
)

// EachStream calls f with every stream that there is, whole, in order of stream id. It
// reads in pages of about pageSize events, or fewer that are large, and holds no transaction open, so that a
// stream that is appended to meanwhile may be given without its latest events.
//
// Events that cannot be decoded are given too, without Event, if undecodable is not
// nil and says so; without it they end the reading with their error. Streams are read through
// their index; if that is in disorder, the error is a domain.ErrCorrupt.
func (s reader) EachStream(ctx context.Context, pageSize int, undecodable func(domain.Recorded, error), f func([]domain.Recorded) error) error {
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

func (s reader) streamPage(ctx context.Context, after domain.OrderID, version, limit int, undecodable func(domain.Recorded, error)) ([]domain.Recorded, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+columns+` FROM events `+ThroughStreams(s.db.Dialect())+`
		WHERE stream_id >= ?1 AND (stream_id > ?1 OR version > ?2)
		ORDER BY stream_id, version `+s.db.Dialect().Limit("?3"), after[:], version, limit)
	return s.collect(rows, err, limit, pageBytes, undecodable)
}

// EachEvent calls f with every event of the streams after one id and up to another, stream by
// stream, in order of version. It reads them in one statement and holds none of them. An event that
// cannot be decoded comes without Event, and with the reason. None has its stored bytes or its hash.
func (s reader) EachEvent(ctx context.Context, after, until domain.OrderID, f func(domain.Recorded, error)) error {
	return s.eachEvent(ctx, `stream_id > ?1 AND stream_id <= ?2`, []any{after[:], until[:]}, f)
}

// EachEventOf is EachEvent for the streams of some orders.
func (s reader) EachEventOf(ctx context.Context, ids []domain.OrderID, f func(domain.Recorded, error)) error {
	args := make([]any, len(ids))
	for i := range ids {
		args[i] = ids[i][:]
	}
	return schema.AnyOf(s.db.Dialect(), `stream_id`, args, func(condition string, args []any) error {
		return s.eachEvent(ctx, condition, args, f)
	})
}

func (s reader) eachEvent(ctx context.Context, condition string, args []any, f func(domain.Recorded, error)) error {
	rows, err := s.db.QueryContext(ctx, `SELECT stream_id, version, partition, position, type, data, metadata, recorded_at
		FROM events WHERE `+condition+` ORDER BY stream_id, version`, args...)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = rows.Close() }()
	var stored storedEvent
	for rows.Next() {
		if err := rows.Scan(&stored.id, &stored.version, &stored.partition, &stored.position, &stored.typ, &stored.data, &stored.meta, &stored.at); err != nil {
			return err
		}
		r, undecodable := s.decode(&stored)
		if len(stored.id) != len(r.OrderID) {
			return undecodable
		}
		f(r, undecodable)
	}
	return classify(s.db.Translate(rows.Err()))
}
