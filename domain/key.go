package domain

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// The kinds of key that name an order.
const (
	KeyTracking    = "tracking" // a tracking id
	KeyIdempotency = "key"      // an idempotency key
)

// ReservedKey is the key under which a customer's key is reserved. Customers do not share keys:
//
//	customer with a name:     name, kind and key, each after its length as 8 bytes, big-endian
//	customer without a name:  kind, a colon, key
//
// No kind begins with a zero byte, so the two forms never meet.
func ReservedKey(customer, kind, key string) string {
	if customer == "" {
		return kind + ":" + key
	}
	var b []byte
	for _, part := range [...]string{customer, kind, key} {
		b = append(binary.BigEndian.AppendUint64(b, uint64(len(part))), part...)
	}
	return string(b)
}

// SplitKey takes apart what ReservedKey made; the kind is empty if it is something else.
func SplitKey(reserved string) (customer, kind, key string) {
	if !strings.HasPrefix(reserved, "\x00") {
		kind, key, _ = strings.Cut(reserved, ":")
		return "", kind, key
	}
	var parts [3]string
	for i := range parts {
		if len(reserved) < 8 {
			return "", "", ""
		}
		n := binary.BigEndian.Uint64([]byte(reserved[:8]))
		if reserved = reserved[8:]; n > uint64(len(reserved)) {
			return "", "", ""
		}
		parts[i], reserved = reserved[:n], reserved[n:]
	}
	return parts[0], parts[1], parts[2]
}

// KeyHash is the hash under which a reserved key is stored.
func KeyHash(reserved string) [sha256.Size]byte { return sha256.Sum256([]byte(reserved)) }

// DuplicateError says that an order with the same tracking id or idempotency key
// exists. It is of kind ErrDuplicate.
type DuplicateError struct {
	// OrderID is the order that holds the key.
	OrderID OrderID
	// Key is the key that was found taken.
	Key string
	// Same says that the earlier request had the same content, so that this one is a repeat.
	Same bool
}

func (e *DuplicateError) Error() string {
	if e.Same {
		return "the order " + e.OrderID.String() + " was placed with this key already"
	}
	return "the order " + e.OrderID.String() + " was placed with this key and other content"
}

// Is makes a DuplicateError an ErrDuplicate.
func (e *DuplicateError) Is(target error) bool { return target == ErrDuplicate }
