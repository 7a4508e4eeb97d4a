package eventstore

import (
	"context"
	"encoding/json"
	"errors"
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

// Append commits one unit of work and gives its events as they were recorded. A unit
// without events settles its lease, whatever the stream's version.
//
// Errors: domain.ErrConflict if the stream is not at a.Expected; domain.ErrFenced if
// a.Lease is no longer held; *domain.DuplicateError if a reserved key names another
// order, domain.ErrCorrupt if that order is not in the log; domain.ErrInvalid for what
// can never be stored; domain.ErrUnavailable if the database cannot be reached. In each case nothing of a was kept.
//
// If ctx ends before a transaction has taken the append up, it is withdrawn; after
// that its outcome is awaited, so that the answer is always certain.
func (s *Store) Append(ctx context.Context, a work.Unit) ([]domain.Recorded, error) {
	return s.AppendWith(ctx, a, nil)
}

// AppendWith is Append with more to do in its transaction: also is called where leases are
// settled, before any head is locked, and again whenever the transaction is. It must only
// change the database. If it fails, nothing is appended and its error is returned.
func (s *Store) AppendWith(ctx context.Context, a work.Unit, also func(context.Context, *schema.Tx) error) ([]domain.Recorded, error) {
	p, err := s.encode(a)
	if err != nil {
		return nil, fmt.Errorf("append to order %s: %w", a.OrderID, err)
	}
	p.also = also
	s.submit(ctx, &s.lanes[p.partition], p)
	if p.err != nil {
		if a.Lease != nil && errors.Is(p.err, domain.ErrFenced) {
			a.Lease.MarkSettled()
		}
		if a.Expected == 0 {
			return nil, fmt.Errorf("store the order's first event: %w", p.err)
		}
		return nil, fmt.Errorf("append to order %s after version %d: %w", a.OrderID, a.Expected, p.err)
	}
	switch {
	case a.Lease == nil || a.Settle == work.SettleKeep:
	case a.Settle == work.SettlePass:
		m := a.Messages[0]
		a.Lease.PassOn(m, p.recorded[m.Event].Position)
	case a.Settle == work.SettleTake:
		a.Lease.Partition, a.Lease.Position = p.partition, p.recorded[a.Messages[0].Event].Position
		a.Lease.FirstTopic, a.Lease.FirstPosition = a.Messages[0].Topic, a.Lease.Position
	default:
		a.Lease.MarkSettled()
	}
	return p.recorded, nil
}

// inHand says whether the append's message goes to a lease of this node, and not through
// the outbox.
func inHand(s work.Settlement) bool { return s == work.SettlePass || s == work.SettleTake }

// encode checks what needs no database and makes the stored bytes, so that the
// transaction does not wait for either.
func (s *Store) encode(a work.Unit) (*pending, error) {
	switch {
	case a.OrderID.IsZero():
		return nil, fmt.Errorf("%w: no order id", domain.ErrInvalid)
	case len(a.Events) > MaxEvents, len(a.Events) == 0 && a.Lease == nil:
		return nil, fmt.Errorf("%w: %d events in one append (1 to %d, or none to settle a lease)", domain.ErrInvalid, len(a.Events), MaxEvents)
	case a.Lease != nil && s.opts.Leases == nil, len(a.Messages) > 0 && s.opts.Outbox == nil:
		return nil, fmt.Errorf("%w: this store was opened to append neither messages nor under a lease", domain.ErrInvalid)
	}
	if inHand(a.Settle) && (a.Lease == nil || len(a.Messages) != 1) {
		return nil, fmt.Errorf("%w: a lease is passed on to the one message of an append, or taken with it, and this one has %d", domain.ErrInvalid, len(a.Messages))
	}
	p := &pending{Unit: a, partition: s.Partition(a.OrderID), done: make(chan struct{})}
	for _, m := range a.Messages {
		if m.Event < 0 || m.Event >= len(a.Events) {
			return nil, fmt.Errorf("%w: a message names event %d of %d", domain.ErrInvalid, m.Event, len(a.Events))
		}
	}
	for _, r := range a.Reservations {
		p.keys = append(p.keys, reservation{key: r.Key, hash: domain.KeyHash(r.Key), order: a.OrderID, fingerprint: r.Fingerprint})
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

// encodeEvent makes of event i what is recorded, but for place, time and hash.
func (s *Store) encodeEvent(a *work.Unit, i int, r *domain.Recorded) error {
	e, err := s.codec.EncodeAt(s.Level(), a.Events[i])
	if err != nil {
		return err
	}
	r.OrderID, r.Type, r.Event, r.Data = a.OrderID, e.Event.EventType(), domain.Within(e.Event, e.Data), e.Data
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
