package judge

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// positions looks at the log as a whole: no holes up to the heads.
func (r *Report) positions(e Evidence) {
	last := map[int]int64{}
	for _, x := range e.Events {
		if x.Position != last[x.Partition]+1 {
			r.foundf("log", x.Order(), "position %d of partition %d follows position %d", x.Position, x.Partition, last[x.Partition])
		}
		last[x.Partition] = x.Position
	}
	for partition, head := range e.Heads {
		if last[partition] != head {
			r.foundf("log", "", "partition %d ends at position %d, its head says %d", partition, last[partition], head)
		}
	}
}

// streamsOf groups events by order. Positions rise within a stream, so that events come
// in order of version if nothing is wrong.
func streamsOf(events []Event) map[[16]byte][]Event {
	streams := map[[16]byte][]Event{}
	for _, e := range events {
		streams[e.Stream] = append(streams[e.Stream], e)
	}
	return streams
}

// chain looks at versions, times and hashes of one stream; the hash by docs/audit.md.
func (r *Report) chain(id string, events []Event) {
	previous := make([]byte, sha256.Size)
	for i, e := range events {
		if e.Version != i+1 {
			r.foundf("log", id, "event %d has version %d", i+1, e.Version)
		}
		if i > 0 && e.RecordedAt.Before(events[i-1].RecordedAt) {
			r.foundf("log", id, "event %d is earlier than the one before", i+1)
		}
		if e.Partition != events[0].Partition {
			r.foundf("log", id, "event %d lies in partition %d, the first in %d", i+1, e.Partition, events[0].Partition)
		}
		if want := sum(previous, e); !bytes.Equal(e.Hash, want) {
			r.foundf("log", id, "the hash of event %d does not fit", i+1)
		}
		previous = e.Hash
	}
}

func sum(previous []byte, e Event) []byte {
	var text []byte
	field := func(b []byte) {
		text = append(binary.BigEndian.AppendUint64(text, uint64(len(b))), b...)
	}
	number := func(n int64) {
		field(binary.BigEndian.AppendUint64(nil, uint64(n))) //nolint:gosec // two's complement is meant
	}
	field([]byte("orderflow-event-v1"))
	field(previous)
	field(e.Stream[:])
	number(int64(e.Partition))
	number(e.Position)
	number(int64(e.Version))
	field([]byte(e.Type))
	field([]byte(e.RecordedAt.Format("2006-01-02T15:04:05.000000Z")))
	field([]byte(e.Data))
	field([]byte(e.Metadata))
	h := sha256.Sum256(text)
	return h[:]
}
