package eventstore

import (
	"bytes"
	"sync"

	"orderflow/domain"
)

// memory is the part of the log that a store knows without asking the database: streams under way,
// and the ends of the partitions. No event in it lies beyond the marks.
type memory struct {
	whole  sync.RWMutex // held to look at streams and marks together
	recent *recent
	marks  marks
	tails  []logTail // by partition
	each   int       // bytes of a tail
}

// newMemory makes a memory of so many bytes: a quarter for the tails of the partitions, the rest for
// streams.
func newMemory(bytes, partitions int) *memory {
	return &memory{
		recent: newRecent(bytes - bytes/4), marks: marks{all: make([]mark, partitions)},
		tails: make([]logTail, partitions), each: bytes / 4 / partitions,
	}
}

// remember keeps events of one stream, which are in the database, for later reads and appends.
func (m *memory) remember(events []domain.Recorded) {
	if len(events) > 0 {
		m.marks.reach(&events[len(events)-1])
		m.recent.add(events)
	}
}

// append keeps events that were appended to the end of a partition.
func (m *memory) append(partition int, events []*domain.Recorded) {
	m.marks.reach(events[len(events)-1])
	m.tails[partition].add(events, tailEvents/len(m.tails), m.each)
}

// forget empties the memory, if gone is still the mark of the partition, and says whether it was.
func (m *memory) forget(partition int, gone mark) bool {
	m.whole.Lock()
	defer m.whole.Unlock()
	if !m.marks.forget(partition, gone) {
		return false // somebody else was faster
	}
	m.recent.clear()
	for i := range m.tails {
		m.tails[i].clear()
	}
	return true
}

// look calls f, while which nothing is forgotten: the streams that f finds first lie before the marks that
// it finds then.
func (m *memory) look(f func()) {
	m.whole.RLock()
	defer m.whole.RUnlock()
	f()
}

// mark is the last event of a partition that a store or its follower remembers; the zero value is
// none. While this event is in the database, so are all remembered events of the partition.
type mark struct {
	position int64
	hash     []byte
}

// marks are the marks of a store, by partition.
type marks struct {
	mu  sync.Mutex
	all []mark
}

func (m *marks) of(partition int) mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[partition]
}

// reach moves the mark of a partition forward to an event. It is called before the event is
// remembered, so that no remembered event lies beyond the mark.
func (m *marks) reach(r *domain.Recorded) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Partition < len(m.all) && r.Position > m.all[r.Partition].position {
		m.all[r.Partition] = mark{r.Position, r.Hash}
	}
}

// forget forgets all marks, if that of the partition is still the one given.
func (m *marks) forget(partition int, known mark) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !bytes.Equal(m.all[partition].hash, known.hash) || known.position == 0 {
		return false
	}
	clear(m.all)
	return true
}
