package eventstore

import (
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// Limits of one append.
const (
	// MaxEvents is how many events one append may have.
	MaxEvents = 100
	// MaxEventBytes is how large the stored data of one event may be.
	MaxEventBytes = 4 << 20
)

// Append commits one unit of work and says what it did. It changes nothing of the unit. A
// unit without events settles its lease, whatever the stream's version.
//
// Errors: domain.ErrConflict if the stream is not at u.Expected; domain.ErrFenced if
// u.Lease is no longer held; *domain.DuplicateError if a reserved key names another
// order, domain.ErrCorrupt if that order is not in the log; domain.ErrInvalid for what
// can never be stored; domain.ErrUnavailable if the database cannot be reached. In each
// case nothing of the unit was kept.
//
// If ctx ends before a transaction has taken the unit up, it is withdrawn; after
// that its outcome is awaited, so that the answer is always certain.
func (s *Store) Append(ctx context.Context, u work.Unit) (work.Outcome, error) {
	return s.AppendWith(ctx, u, nil)
}

// AppendWith is Append with more to do in its transaction: also is called where leases are
// settled, before any head is locked, and again whenever the transaction is. It must only
// change the database. If it fails, nothing is appended and its error is returned.
func (s *Store) AppendWith(ctx context.Context, u work.Unit, also func(context.Context, *schema.Tx) error) (work.Outcome, error) {
	p, err := s.encode(u)
	if err != nil {
		return work.Outcome{}, fmt.Errorf("append to order %s: %w", u.OrderID, err)
	}
	p.also = also
	if err := s.submit(ctx, &s.lanes[p.partition], p); err != nil {
		if u.Expected == 0 {
			return work.Outcome{}, fmt.Errorf("store the order's first event: %w", err)
		}
		return work.Outcome{}, fmt.Errorf("append to order %s after version %d: %w", u.OrderID, u.Expected, err)
	}
	return p.Outcome(p.recorded), nil
}

// encode checks what needs no database and makes the stored bytes, so that the
// transaction does not wait for either.
func (s *Store) encode(u work.Unit) (*pending, error) {
	switch {
	case u.OrderID.IsZero():
		return nil, fmt.Errorf("%w: no order id", domain.ErrInvalid)
	case len(u.Events) > MaxEvents, len(u.Events) == 0 && u.Lease.IsZero():
		return nil, fmt.Errorf("%w: %d events in one append (1 to %d, or none to settle a lease)", domain.ErrInvalid, len(u.Events), MaxEvents)
	case !u.Lease.IsZero() && s.conf.Leases == nil, len(u.Messages) > 0 && s.conf.Outbox == nil:
		return nil, fmt.Errorf("%w: this store was opened to append neither messages nor under a lease", domain.ErrInvalid)
	}
	if u.Settle.InHand() && (u.Lease.IsZero() || len(u.Messages) != 1) {
		return nil, fmt.Errorf("%w: a lease is passed on to the one message of a unit, or started with it, and this one has %d", domain.ErrInvalid, len(u.Messages))
	}
	p := &pending{Unit: u, partition: s.Partition(u.OrderID), done: make(chan struct{})}
	for _, m := range u.Messages {
		if m.Event < 0 || m.Event >= len(u.Events) {
			return nil, fmt.Errorf("%w: a message names event %d of %d", domain.ErrInvalid, m.Event, len(u.Events))
		}
	}
	for _, r := range u.Reservations {
		p.keys = append(p.keys, reservation{key: r.Key, hash: domain.KeyHash(r.Key), order: u.OrderID, fingerprint: r.Fingerprint})
	}
	return p, s.encodeEvents(p)
}

func (s *Store) encodeEvents(p *pending) error {
	p.recorded = make([]domain.Recorded, len(p.Events))
	for i := range p.Events {
		if err := s.encodeEvent(&p.Unit, i, &p.recorded[i]); err != nil {
			return err
		}
		p.bytes += len(p.recorded[i].Data) + len(p.recorded[i].RawMeta)
	}
	return nil
}

// encodeEvent makes of event i what is recorded, but for position, time and hash.
func (s *Store) encodeEvent(a *work.Unit, i int, r *domain.Recorded) error {
	e, err := domain.Encode(s.Level(), a.Events[i])
	if err != nil {
		return err
	}
	r.OrderID, r.Type, r.Event, r.Data = a.OrderID, domain.TypeOf(e.Event), e.Event, e.Data
	r.Metadata = a.MetadataOf(i)
	r.Metadata.Schema = e.Schema
	r.RawMeta = domain.EncodeMetadata(r.Metadata)
	for _, b := range [2]json.RawMessage{r.Data, r.RawMeta} {
		if len(b) > MaxEventBytes {
			return fmt.Errorf("%w: %s has %d bytes (%d at most)", domain.ErrInvalid, r.Type, len(b), MaxEventBytes)
		}
		if !utf8.Valid(b) {
			return fmt.Errorf("%w: %s is not valid UTF-8", domain.ErrInvalid, r.Type)
		}
	}
	return nil
}
