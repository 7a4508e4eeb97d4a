package eventstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/schema"
)

const columns = `position, partition, stream_id, version, type, data, metadata, recorded_at, hash`

// reader reads the log as it is stored.
type reader struct {
	db         *schema.DB
	partitions int
}

// Load gives all events of an order in order of version; domain.ErrNotFound if there
// are none.
func (s reader) Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error) {
	events, err := s.LookAt(ctx, s.db, id, nil)
	if err == nil && len(events) == 0 {
		err = fmt.Errorf("order %s: %w", id, domain.ErrNotFound)
	}
	return events, err
}

// Version is the version of an order's last event; 0 if there is no such order.
func (s reader) Version(ctx context.Context, id domain.OrderID) (int, error) {
	return s.LookAtVersion(ctx, s.db, id)
}

// ReadLog gives up to limit events of one partition after a position, in order of position and
// without holes. To go on, the caller passes the last position. A page is shorter than limit if its
// events are large, or if the next event cannot be decoded. It is empty only at the end of the log.
func (s reader) ReadLog(ctx context.Context, partition int, after int64, limit int) ([]domain.Recorded, error) {
	events, err := s.collect(ctx, page{rows: limit, bytes: pageBytes}, `WHERE partition = ?1 AND position > ?2
		ORDER BY position `+s.db.Dialect().Limit("?3"), partition, after, limit)
	if len(events) > 0 && undecodable(err) {
		return events, nil // whoever reads on comes upon it
	}
	if err != nil {
		return nil, fmt.Errorf("read partition %d after position %d: %w", partition, after, err)
	}
	return events, nil
}

// Heads gives the last position of every partition, by partition; 0 for an empty one.
func (s reader) Heads(ctx context.Context) ([]int64, error) {
	heads := make([]int64, s.partitions)
	err := s.db.Read(ctx, func(rows *sql.Rows) error {
		for rows.Next() {
			var partition int
			var head int64
			if err := rows.Scan(&partition, &head); err != nil {
				return err
			}
			if partition >= len(heads) {
				return fmt.Errorf("%w: partition %d of %d", domain.ErrCorrupt, partition, len(heads))
			}
			heads[partition] = head
		}
		return nil
	}, `SELECT partition, head FROM heads WHERE partition >= 0`)
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", classify(err))
	}
	return heads, nil
}

// page says how many events are read at once.
type page struct {
	rows  int // are expected
	bytes int // after which no further event is read
	// tell gets the reason why an event cannot be decoded, after the page was read. The event is then given
	// without its Event. If tell is nil, the page ends with the reason, after the events before.
	tell func(domain.Recorded, error)
}

// collect reads the events that a condition with its order lets through, up to a page of them.
func (s reader) collect(ctx context.Context, p page, which string, args ...any) ([]domain.Recorded, error) {
	return s.collectIn(ctx, s.db, p, which, args...)
}

// collectIn is collect as a question to a database, or of a look.
func (s reader) collectIn(ctx context.Context, in schema.Reader, p page, which string, args ...any) ([]domain.Recorded, error) {
	var events []domain.Recorded
	var reasons []func() // tell of those that cannot be decoded
	err := in.Read(ctx, func(rows *sql.Rows) error {
		events, reasons = make([]domain.Recorded, 0, min(p.rows, maxExpected)), nil
		var stored storedEvent
		for left := p.bytes; left > 0 && rows.Next(); {
			r, err := s.scan(rows, &stored)
			switch {
			case p.tell != nil && undecodable(err):
				reasons = append(reasons, func() { p.tell(r, err) })
			case err != nil:
				return err
			}
			events = append(events, r)
			left -= len(r.Data) + len(r.RawMeta)
		}
		return nil
	}, `SELECT `+columns+` FROM events `+which, args...)
	for _, tell := range reasons {
		tell()
	}
	return events, classify(err)
}

// undecodable says that an event was read and could not be decoded.
func undecodable(err error) bool {
	return errors.Is(err, domain.ErrCorrupt) || errors.Is(err, domain.ErrNewer)
}

// maxExpected bounds the events for which room is made before they come.
const maxExpected = 5000

// storedEvent is where a row is read to. It is used again for the next one.
type storedEvent struct {
	position           int64
	partition, version int
	id                 sql.RawBytes
	typ, data, meta    string
	at                 schema.Time
	hash               []byte
}

// scan reads one event with its stored bytes and its hash. The error is that of decode.
func (s reader) scan(rows *sql.Rows, e *storedEvent) (r domain.Recorded, err error) {
	e.hash = nil // what was read before is kept
	if err := rows.Scan(&e.position, &e.partition, &e.id, &e.version, &e.typ, &e.data, &e.meta, &e.at, &e.hash); err != nil {
		return r, err
	}
	r, err = s.decode(e)
	r.Data, r.RawMeta, r.Hash = json.RawMessage(e.data), json.RawMessage(e.meta), e.hash
	r.Event = domain.Within(r.Event, r.Data)
	return r, err
}

// decode makes an event of a row, without stored bytes and hash. If the event cannot be decoded, it
// has no Event, and the error says why.
func (s reader) decode(e *storedEvent) (r domain.Recorded, err error) {
	r = domain.Recorded{Position: e.position, Partition: e.partition, Version: e.version, Type: e.typ, RecordedAt: e.at.Time}
	if len(e.id) != len(r.OrderID) {
		return r, fmt.Errorf("%w: the stream id at partition %d, position %d has %d bytes", domain.ErrCorrupt, r.Partition, r.Position, len(e.id))
	}
	r.OrderID = domain.OrderID(e.id)
	if r.Metadata, err = domain.DecodeMetadata(e.meta); err == nil {
		r.Event, err = domain.Decode(r.Type, r.Metadata.Schema, e.data)
	}
	if err == nil {
		return r, nil
	}
	if !undecodable(err) {
		err = fmt.Errorf("%w: %w", domain.ErrCorrupt, err)
	}
	return r, fmt.Errorf("event %s at partition %d, position %d: %w", domain.EventID(r.OrderID, r.Version), r.Partition, r.Position, err)
}

// classify gives a database error its kind in the domain's vocabulary.
func classify(err error) error {
	if schema.MayPass(err) {
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	return err
}
