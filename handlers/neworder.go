package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/jsontext"
)

// What a new order may measure at most. Every limit is inclusive.
const (
	// MaxTrackingID is the length of a tracking id in bytes of UTF-8.
	MaxTrackingID = 200
	// MaxIdempotencyKey is the length of an idempotency key in bytes.
	MaxIdempotencyKey = 200
	// MaxCustomer is the length of a customer's name in bytes.
	MaxCustomer = 128
	// MaxDetail is the length of a detail in bytes.
	MaxDetail = 1 << 20
	// MaxDepth is how deep a detail may nest arrays and objects. SQL Server's JSON functions
	// take 128 levels of an event, in which the detail is one level down.
	MaxDepth = 100
)

// The fields of a new order, as a domain.FieldError names them.
const (
	FieldTrackingID     = "tracking_id"
	FieldDetail         = "detail"
	FieldIdempotencyKey = "Idempotency-Key"
)

// NewOrder is an order that a customer wants placed.
type NewOrder struct {
	// TrackingID is the customer's own name for the order, at most MaxTrackingID bytes, or empty.
	TrackingID string
	// Detail is any JSON, or nothing; the JSON null is nothing too.
	Detail json.RawMessage
	// Compact says that Detail is known to be JSON as it is stored: within the limits, in UTF-8,
	// without white space between tokens, and not null. It is not looked at again.
	Compact bool
	// IdempotencyKey names the request, at most MaxIdempotencyKey bytes, or empty.
	IdempotencyKey string
	// Customer is the name of the caller, at most MaxCustomer bytes, to whom the order and
	// its keys belong; empty if callers have no names.
	Customer string
	// Actor is who places it; empty: "customer".
	Actor string
	// CorrelationID goes into every event that follows; empty: a new one.
	CorrelationID string
	// TraceParent is the W3C trace context, or empty.
	TraceParent string
}

// checked is the order as it is stored, or a *domain.FieldError.
func (o NewOrder) checked() (NewOrder, error) {
	if err := checkTrackingID(o.TrackingID); err != nil {
		return o, err
	}
	if err := checkIdempotencyKey(o.IdempotencyKey); err != nil {
		return o, err
	}
	if err := checkCustomer(o.Customer); err != nil {
		return o, err
	}
	if !o.Compact {
		var err error
		if o.Detail, err = compactDetail(o.Detail); err != nil {
			return o, err
		}
	}
	if o.Actor == "" {
		o.Actor = "customer"
	}
	if o.CorrelationID == "" {
		o.CorrelationID = uuid.NewString()
	}
	return o, nil
}

func wrong(field, expected, got string) error {
	return &domain.FieldError{Field: field, Expected: expected, Got: got}
}

// checkTrackingID wants text that can be shown, searched for and stored without
// two ids becoming one: databases drop trailing space, and JSON's lone surrogates all
// read as U+FFFD.
func checkTrackingID(id string) error {
	switch {
	case len(id) > MaxTrackingID:
		return wrong(FieldTrackingID, fmt.Sprintf("a string of 1 to %d bytes", MaxTrackingID), fmt.Sprintf("%d bytes", len(id)))
	case !utf8.ValidString(id) || strings.ContainsRune(id, utf8.RuneError):
		return wrong(FieldTrackingID, "text in Unicode", "a lone surrogate, U+FFFD or bytes that are not UTF-8")
	case strings.ContainsFunc(id, unicode.IsControl):
		return wrong(FieldTrackingID, "text without control characters", fmt.Sprintf("%q", domain.Shorten(id)))
	case strings.TrimSpace(id) != id:
		return wrong(FieldTrackingID, "text without white space at its ends", fmt.Sprintf("%q", domain.Shorten(id)))
	}
	return nil
}

// checkIdempotencyKey wants what every client and proxy carries unchanged.
func checkIdempotencyKey(key string) error {
	expected := fmt.Sprintf("1 to %d bytes of printable ASCII", MaxIdempotencyKey)
	switch {
	case len(key) > MaxIdempotencyKey:
		return wrong(FieldIdempotencyKey, expected, fmt.Sprintf("%d bytes", len(key)))
	case strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }):
		return wrong(FieldIdempotencyKey, expected, "other characters")
	}
	return nil
}

// checkCustomer wants a name that can be told from others in every database. The name does not
// come from the request, so an error is not the caller's.
func checkCustomer(name string) error {
	if len(name) > MaxCustomer || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name {
		return fmt.Errorf("%w: %.140q is no name of a customer: at most %d bytes of text without control characters and white space at its ends",
			domain.ErrInvalid, name, MaxCustomer)
	}
	return nil
}

// compactDetail is the detail as it is stored; nothing for null.
func compactDetail(detail json.RawMessage) (json.RawMessage, error) {
	if len(detail) == 0 {
		return nil, nil
	}
	if len(detail) > MaxDetail {
		return nil, wrong(FieldDetail, fmt.Sprintf("at most %d bytes of JSON", MaxDetail), fmt.Sprintf("%d bytes", len(detail)))
	}
	if jsontext.Depth(detail) > MaxDepth {
		return nil, fmt.Errorf("%w: %#q is nested more than %d levels deep", domain.ErrInvalid, FieldDetail, MaxDepth)
	}
	if at := jsontext.InvalidUTF8(detail); at >= 0 {
		return nil, wrong(FieldDetail, "JSON in UTF-8", fmt.Sprintf("other bytes at offset %d", at))
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, detail); err != nil {
		return nil, wrong(FieldDetail, "JSON", fmt.Sprint("this: ", err))
	}
	if compact.String() == "null" {
		return nil, nil
	}
	return compact.Bytes(), nil
}

// reservations are the keys that no other order may hold.
func (o NewOrder) reservations() (keys []work.Reservation) {
	for _, k := range []struct{ kind, key string }{{domain.KeyTracking, o.TrackingID}, {domain.KeyIdempotency, o.IdempotencyKey}} {
		if k.key != "" {
			keys = append(keys, work.Reservation{Key: domain.ReservedKey(o.Customer, k.kind, k.key), Fingerprint: o.fingerprint()})
		}
	}
	return keys
}

// keyHash is the hash of the idempotency key, as it is reserved, for the event; or empty.
func (o NewOrder) keyHash() string {
	if o.IdempotencyKey == "" {
		return ""
	}
	hash := domain.KeyHash(domain.ReservedKey(o.Customer, domain.KeyIdempotency, o.IdempotencyKey))
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
