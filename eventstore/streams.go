package eventstore

import (
	"bytes"
	"context"
	"database/sql"
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
	g := gathering{version: -1, f: f}
	for {
		page, err := s.streamPage(ctx, g.after, g.version, pageSize, undecodable)
		if err == nil {
			err = g.inOrder(page)
		}
		if err != nil {
			return fmt.Errorf("read streams after %s: %w", domain.EventID(g.after, g.version), err)
		}
		if len(page) == 0 {
			return g.end()
		}
		if err := g.add(page); err != nil {
			return err
		}
	}
}

// EachStreamOf is EachStream for the streams of some orders, of which it reads pages of several megabytes. An order
// without events is passed over.
func (s reader) EachStreamOf(ctx context.Context, ids []domain.OrderID, undecodable func(domain.Recorded, error), f func([]domain.Recorded) error) error {
	args := make([]any, len(ids))
	for i := range ids {
		args[i] = ids[i][:]
	}
	d := s.db.Dialect()
	return schema.AnyOf(d, `stream_id`, args, func(condition string, args []any) error {
		last := fmt.Sprintf(`?%d`, len(args)+1)
		which := seek(d) + ` WHERE ` + condition + ` AND (stream_id > ` + last + ` OR stream_id = ` + last + fmt.Sprintf(` AND version > ?%d)`, len(args)+2) +
			` ORDER BY stream_id, version`
		g := gathering{version: -1, f: f}
		for more := true; more; {
			page, err := s.collect(ctx, page{rows: len(args), bytes: pageBytes, tell: undecodable}, which, append(args[:len(args):len(args)], g.after[:], g.version)...)
			if err == nil {
				err = g.inOrder(page)
			}
			if err != nil {
				return fmt.Errorf("read the streams of %d orders: %w", len(args), err)
			}
			if err := g.add(page); err != nil {
				return err
			}
			more = bytesOf(page) >= pageBytes
		}
		return g.end()
	})
}

// bytesOf are the bytes of events that bound a page.
func bytesOf(events []domain.Recorded) (n int) {
	for _, r := range events {
		n += len(r.Data) + len(r.RawMeta)
	}
	return n
}

// NextStreams gives the ids of the first streams after one, in their order.
func (s reader) NextStreams(ctx context.Context, after domain.OrderID, limit int) ([]domain.OrderID, error) {
	d := s.db.Dialect()
	ids, err := schema.Collect(ctx, s.db, func(rows *sql.Rows, id *domain.OrderID) error {
		var stored []byte
		err := rows.Scan(&stored)
		copy(id[:], stored)
		return err
	}, `SELECT DISTINCT stream_id FROM events `+ThroughStreams(d)+` WHERE stream_id > ?1 ORDER BY stream_id `+d.Limit("?2"), after[:], limit)
	if err != nil {
		return nil, fmt.Errorf("list streams after %s: %w", after, classify(err))
	}
	return ids, nil
}

// gathering puts the events of pages together to whole streams, in order of their ids.
type gathering struct {
	stream  []domain.Recorded // that is coming
	after   domain.OrderID    // of the last event
	version int
	f       func([]domain.Recorded) error
}

// inOrder is an error if a page does not begin after the last event, as where the index is in disorder.
func (g *gathering) inOrder(page []domain.Recorded) error {
	if len(page) == 0 {
		return nil
	}
	last := page[len(page)-1]
	if bytes.Compare(last.OrderID[:], g.after[:]) < 0 || last.OrderID == g.after && last.Version <= g.version {
		return fmt.Errorf("%w: event %s follows event %s", domain.ErrCorrupt, domain.EventID(last.OrderID, last.Version), domain.EventID(g.after, g.version))
	}
	return nil
}

func (g *gathering) add(page []domain.Recorded) error {
	for _, r := range page {
		if len(g.stream) > 0 && g.stream[0].OrderID != r.OrderID {
			if err := g.f(g.stream); err != nil {
				return err
			}
			g.stream = g.stream[:0]
		}
		g.stream = append(g.stream, r)
		g.after, g.version = r.OrderID, r.Version
	}
	return nil
}

// end gives the last stream.
func (g *gathering) end() error {
	if len(g.stream) == 0 {
		return nil
	}
	return g.f(g.stream)
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
