package eventstore

import (
	"bytes"
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/schema"
)

// EachStream calls f with every whole stream, in order of stream id. It reads pages of about pageSize
// events, fewer if they are large. No transaction is open between pages, so a stream that grows
// meanwhile may come without its latest events.
//
// If undecodable is nil, an event that cannot be decoded ends the reading with an error. Otherwise
// undecodable is called with the error, and the event is in its stream without Event. Streams are read
// through their index; if that is in disorder, the error is a domain.ErrCorrupt.
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
	return s.collect(ctx, page{rows: limit, bytes: pageBytes, tell: undecodable}, ThroughStreams(s.db.Dialect())+`
		WHERE stream_id >= ?1 AND (stream_id > ?1 OR version > ?2)
		ORDER BY stream_id, version `+s.db.Dialect().Limit("?3"), after[:], version, limit)
}

// EachEvent calls f with every event of the streams after one id and up to another, stream by stream,
// in order of version. One statement reads them all, and none is kept in memory, so it is not asked again if the
// database gives it up. The events have no
// stored bytes and no hash. An event that cannot be decoded has no Event and comes with the reason.
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
		FROM events`+seek(s.db.Dialect())+` WHERE `+condition+` ORDER BY stream_id, version`, args...)
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
