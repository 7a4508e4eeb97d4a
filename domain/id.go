package domain

import (
	"encoding/hex"
	"fmt"
	"strconv"
)

// OrderID names an order and its event stream: a UUID, version 7 when this system
// made it (RFC 9562), so that ids sort by the time they were made. The zero value
// names no order.
type OrderID [16]byte

// ParseOrderID reads the canonical form, 8-4-4-4-12 hexadecimal digits in either
// case. Anything else is an error of kind Invalid.
func ParseOrderID(s string) (OrderID, error) {
	var id OrderID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return OrderID{}, fmt.Errorf("%w: order id %q is not a UUID (expected 8-4-4-4-12 hexadecimal digits)", ErrInvalid, Shorten(s))
	}
	digits := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return OrderID{}, fmt.Errorf("%w: order id %q is not a UUID: %s", ErrInvalid, s, err)
	}
	return id, nil
}

// String is the canonical form in lower case.
func (id OrderID) String() string {
	var b [36]byte
	return string(id.Append(b[:0]))
}

// Append appends the canonical form to b.
func (id OrderID) Append(b []byte) []byte {
	b = hex.AppendEncode(b, id[:4])
	b = hex.AppendEncode(append(b, '-'), id[4:6])
	b = hex.AppendEncode(append(b, '-'), id[6:8])
	b = hex.AppendEncode(append(b, '-'), id[8:10])
	return hex.AppendEncode(append(b, '-'), id[10:])
}

// IsZero says that id names no order.
func (id OrderID) IsZero() bool { return id == OrderID{} }

// MarshalText makes an id a JSON string.
func (id OrderID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *OrderID) UnmarshalText(text []byte) error {
	parsed, err := ParseOrderID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// EventID names one event of one order, as causation ids and message UUIDs do.
func EventID(id OrderID, version int) string {
	var b [48]byte
	return string(strconv.AppendInt(append(id.Append(b[:0]), ':'), int64(version), 10))
}
