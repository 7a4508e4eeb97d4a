package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Appender is what placing needs of the event store.
type Appender interface {
	// Append commits all of a, or nothing. It fails with a *domain.DuplicateError if a
	// reservation is taken.
	Append(ctx context.Context, a work.Unit) ([]domain.Recorded, error)
}

// Placer places orders. It is the one way in, for the HTTP API and for commands.
type Placer struct {
	store Appender
	newID func() (domain.OrderID, error)
	node  string
}

// PlacerConfig says what a Placer works with.
type PlacerConfig struct {
	Store Appender
	// Node is the node named in the events; it may be empty.
	Node string
	// NewID makes the ids of orders; nil: UUIDs of version 7.
	NewID func() (domain.OrderID, error)
}

// NewPlacer makes a Placer.
func NewPlacer(c PlacerConfig) *Placer {
	if c.NewID == nil {
		c.NewID = newOrderID
	}
	return &Placer{store: c.Store, newID: c.NewID, node: c.Node}
}

// NewOrder is an order that a customer wants placed.
type NewOrder struct {
	// TrackingID is the customer's own name for the order, at most MaxTrackingID bytes, or empty.
	TrackingID string
	// Detail is any JSON, or nothing; the JSON null is nothing too.
	Detail json.RawMessage
	// IdempotencyKey names the request, at most MaxIdempotencyKey bytes, or empty.
	IdempotencyKey string
	// Customer is the name of the caller, at most domain.MaxCustomer bytes, to whom the order and
	// its keys belong; empty if callers have no names.
	Customer string
	// Actor is who places it; empty: "customer".
	Actor string
	// CorrelationID goes into every event that follows; empty: a new one.
	CorrelationID string
	// TraceParent is the W3C trace context, or empty.
	TraceParent string

	decoded bool // Detail has been checked and is compact
}

// Placed is an order that has been placed.
type Placed struct {
	OrderID domain.OrderID `json:"order_id"`
	// Status is Pending, also for a repeat, whose answer is that of the first time.
	Status domain.Status `json:"status"`
	// Repeated says that the order had been placed before, with the same content.
	Repeated bool `json:"-"`
}

// Place appends the order's first event. With a tracking id or an idempotency key it
// may be repeated: the same content gives the same order, other content a
// *domain.DuplicateError. The content is the tracking id and the compacted detail,
// byte for byte. What is malformed is a *RequestError; other errors are the store's, with the
// order that holds the key, or that may have been placed.
func (p *Placer) Place(ctx context.Context, o NewOrder) (Placed, error) {
	o, err := o.checked()
	if err != nil {
		return Placed{}, err
	}
	a, err := p.prepare(o)
	if err != nil {
		return Placed{}, err
	}
	placed := Placed{OrderID: a.OrderID, Status: domain.StatusPending}
	_, err = p.store.Append(ctx, a)
	var duplicate *domain.DuplicateError
	if errors.As(err, &duplicate) {
		placed.OrderID, placed.Repeated = duplicate.OrderID, duplicate.Same
	}
	if err != nil && !placed.Repeated {
		return Placed{OrderID: placed.OrderID}, fmt.Errorf("place order %s: %w", a.OrderID, err)
	}
	return placed, nil
}

func (p *Placer) prepare(o NewOrder) (work.Unit, error) {
	id, err := p.newID()
	if err != nil {
		return work.Unit{}, fmt.Errorf("make an order id: %w", err)
	}
	meta := domain.Metadata{Actor: o.Actor, Node: p.node, CorrelationID: o.CorrelationID, TraceParent: o.TraceParent}
	a, err := work.Prepare(&domain.Order{ID: id}, meta, domain.Place{
		TrackingID: o.TrackingID, Detail: o.Detail, Customer: o.Customer, KeyHash: o.keyHash(),
	})
	if err != nil {
		return work.Unit{}, err
	}
	a.Reservations = o.reservations()
	return a, nil
}

func (o NewOrder) reservations() []work.Reservation {
	var keys []work.Reservation
	if o.TrackingID != "" {
		keys = append(keys, work.Reservation{Key: domain.ReservedKey(o.Customer, domain.KeyTracking, o.TrackingID), Fingerprint: o.fingerprint()})
	}
	if o.IdempotencyKey != "" {
		keys = append(keys, work.Reservation{Key: o.idempotencyKey(), Fingerprint: o.fingerprint()})
	}
	return keys
}

func (o NewOrder) idempotencyKey() string {
	return domain.ReservedKey(o.Customer, domain.KeyIdempotency, o.IdempotencyKey)
}

// keyHash is the hash of the idempotency key for the event, or empty.
func (o NewOrder) keyHash() string {
	if o.IdempotencyKey == "" {
		return ""
	}
	hash := domain.KeyHash(o.idempotencyKey())
	return hex.EncodeToString(hash[:])
}

// fingerprint is the SHA-256 of the tracking id, after its length in eight bytes, and
// of the compacted detail.
func (o NewOrder) fingerprint() (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(o.TrackingID))))
	h.Write([]byte(o.TrackingID))
	h.Write(o.Detail)
	return [sha256.Size]byte(h.Sum(nil))
}

// newOrderID makes ids that sort by the time they were made (RFC 9562).
func newOrderID() (domain.OrderID, error) {
	id, err := uuid.NewV7()
	return domain.OrderID(id), err
}
