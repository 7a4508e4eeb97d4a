package eventstore

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"orderflow/domain"
	"orderflow/domain/stored"
)

// HashVersion is the first field that is hashed; another layout would have another.
const HashVersion = "orderflow-event-v1"

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
	return hashAt(previous, &r, hashedTime(r.RecordedAt))
}

// hashedTime is how the time of an event is hashed, in the stored form.
func hashedTime(t time.Time) string {
	return string(stored.AppendTime(make([]byte, 0, len(stored.TimeLayout)), t))
}

// hashAt is Hash for an event whose time is known as text.
func hashAt(previous []byte, r *domain.Recorded, at string) []byte {
	var none [sha256.Size]byte
	if len(previous) == 0 {
		previous = none[:]
	}
	b := make([]byte, 0, 1024) // on the stack, unless the event is larger
	b = field(b, HashVersion)
	b = field(b, previous)
	b = field(b, r.OrderID[:])
	b = number(b, int64(r.Partition))
	b = number(b, r.Position)
	b = number(b, int64(r.Version))
	b = field(b, r.Type)
	b = field(b, at)
	if len(r.Data) > cap(b) {
		return hashLarge(b, r)
	}
	b = field(b, []byte(r.Data))
	b = field(b, []byte(r.RawMeta))
	sum := sha256.Sum256(b)
	return sum[:]
}

// hashLarge is the rest of hashAt after the fields in b, without a copy of the data.
func hashLarge(b []byte, r *domain.Recorded) []byte {
	h := sha256.New()
	for _, content := range [][]byte{r.Data, r.RawMeta} {
		h.Write(binary.BigEndian.AppendUint64(b, uint64(len(content)))) // never fails, as below
		h.Write(content)
		b = b[:0]
	}
	return h.Sum(nil)
}

func field[T string | []byte](b []byte, content T) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(content))), content...)
}

func number(b []byte, n int64) []byte {
	b = binary.BigEndian.AppendUint64(b, 8)
	return binary.BigEndian.AppendUint64(b, uint64(n)) //nolint:gosec // two's complement is meant
}

// truncate is the precision of stored times.
func truncate(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
