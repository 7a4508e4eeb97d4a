package eventstore

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"time"

	"orderflow/domain"
)

// HashVersion is the first field that is hashed; another layout would have another.
const HashVersion = "orderflow-event-v1"

// hashTime is how the time of an event is hashed: UTC, RFC 3339, always six digits.
const hashTime = "2006-01-02T15:04:05.000000Z"

// Hash chains an event to its predecessor in the same stream: SHA-256 over these
// fields, each preceded by its length in bytes as 8 bytes, big-endian:
//
//	HashVersion
//	the predecessor's hash (32 bytes; 32 zero bytes before the first event)
//	the stream id (16 bytes)
//	partition, position, version (each as 8 bytes, big-endian)
//	type
//	recorded_at (2006-01-02T15:04:05.000000Z)
//	data, as stored
//	metadata, as stored
func Hash(previous []byte, r domain.Recorded) []byte {
	if len(previous) == 0 {
		previous = make([]byte, sha256.Size)
	}
	h := sha256.New()
	field(h, []byte(HashVersion))
	field(h, previous)
	field(h, r.OrderID[:])
	number(h, int64(r.Partition))
	number(h, r.Position)
	number(h, int64(r.Version))
	field(h, []byte(r.Type))
	field(h, []byte(r.RecordedAt.UTC().Format(hashTime)))
	field(h, r.Data)
	field(h, r.RawMeta)
	return h.Sum(nil)
}

// field writes to a hash, which never fails.
func field(h hash.Hash, b []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(b)))
	_, _ = h.Write(length[:])
	_, _ = h.Write(b)
}

func number(h hash.Hash, n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // two's complement is meant
	field(h, b[:])
}

// truncate is the precision of stored times.
func truncate(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
