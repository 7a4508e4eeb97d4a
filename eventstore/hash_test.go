package eventstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"orderflow/domain"
)

// TestHash_sizes recomputes hashes as doc says they are made, for events of every kind of size.
func TestHash_sizes(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 5000, time.UTC)
	for _, size := range []int{0, 1, 700, 1023, 1024, 1025, 4096, 1 << 20} {
		r := domain.Recorded{
			OrderID: domain.OrderID{1, 15: 2}, Partition: 3, Position: 4, Version: 5, Type: "OrderPlaced", RecordedAt: at,
			Data: bytes.Repeat([]byte{'x'}, size), RawMeta: []byte(`{"schema":1}`),
		}
		previous := bytes.Repeat([]byte{7}, 32)
		number := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
		h := sha256.New()
		for _, f := range [][]byte{
			[]byte(HashVersion), previous, r.OrderID[:], number(3), number(4), number(5), []byte(r.Type), []byte("2026-01-31T12:00:00.000005Z"), r.Data, r.RawMeta,
		} {
			h.Write(number(uint64(len(f))))
			h.Write(f)
		}
		if got := Hash(previous, r); !bytes.Equal(got, h.Sum(nil)) {
			t.Errorf("%d bytes of data: hash %x, want %x", size, got, h.Sum(nil))
		}
	}
}
