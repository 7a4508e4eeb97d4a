package eventstore

import (
	"container/list"
	"slices"
	"sync"

	"orderflow/domain"
)

// recentStreams bounds the streams under way that a store remembers, beside their bytes. A
// stream of the usual ten events takes some six kilobytes, and twice what its order's detail takes.
const recentStreams = 20_000

// pageBytes bounds the stored bytes of the events that are read at once, but for the last of them.
const pageBytes = 4 << 20

// recent remembers the streams under way that this store appended to or read last. Others may have
// appended since: whoever uses a stream must have a way to find out.
type recent struct {
	mu      sync.Mutex
	streams map[domain.OrderID]*list.Element
	order   *list.List // of *stream, the latest used in front
	bytes   int
	most    int // bytes
}

// stream is a stream from its first event on, as appends and reads gave it.
type stream struct {
	id    domain.OrderID
	parts [][]domain.Recorded // put together when the stream is asked for
	count int
	bytes int
}

func newRecent(most int) *recent {
	return &recent{most: most, streams: map[domain.OrderID]*list.Element{}, order: list.New()}
}

// clear forgets all streams.
func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams, r.bytes = map[domain.OrderID]*list.Element{}, 0
	r.order.Init()
}

// last is the last event known of a stream.
func (r *recent) last(id domain.OrderID) (*domain.Recorded, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.find(id)
	if s == nil {
		return nil, false
	}
	part := s.parts[len(s.parts)-1]
	return &part[len(part)-1], true
}

// get gives what is known of a stream, from its first event on. It must not be changed.
func (r *recent) get(id domain.OrderID) []domain.Recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.find(id)
	if s == nil {
		return nil
	}
	if len(s.parts) > 1 {
		s.parts = [][]domain.Recorded{slices.Concat(s.parts...)}
	}
	return s.parts[0]
}

// find is called with r.mu held.
func (r *recent) find(id domain.OrderID) *stream {
	e, known := r.streams[id]
	if !known {
		return nil
	}
	r.order.MoveToFront(e)
	return e.Value.(*stream)
}

// add remembers events of one stream. They follow the known events or begin with the stream's first;
// otherwise there is a gap, and the stream is forgotten.
func (r *recent) add(events []domain.Recorded) {
	if len(events) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id, first := events[0].OrderID, events[0].Version
	var s *stream
	if e, known := r.streams[id]; known {
		s = r.remove(e)
	}
	switch {
	case first == 1:
		s = &stream{id: id}
	case s == nil || s.count != first-1:
		return
	}
	if ends(events[len(events)-1].Event) {
		return
	}
	s.parts, s.count = append(s.parts, events), s.count+len(events)
	for i := range events {
		s.bytes += sizeOf(&events[i])
	}
	r.bytes += s.bytes
	r.streams[id] = r.order.PushFront(s)
	for r.bytes > r.most || r.order.Len() > recentStreams {
		r.remove(r.order.Back())
	}
}

// remove is called with r.mu held.
func (r *recent) remove(e *list.Element) *stream {
	s := r.order.Remove(e).(*stream)
	delete(r.streams, s.id)
	r.bytes -= s.bytes
	return s
}

func ends(e domain.Event) bool {
	switch e.(type) {
	case domain.OrderCompleted, domain.OrderFailed, domain.OrderCancelled:
		return true
	}
	return false
}

// sizeOf is about how many bytes of memory an event takes. Its detail is a part of Data (see
// domain.Within).
func sizeOf(r *domain.Recorded) int { return 512 + len(r.Data) + len(r.RawMeta) }
