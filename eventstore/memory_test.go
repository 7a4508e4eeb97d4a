package eventstore

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
)

// TestStore_Memory: what is remembered of orders with large details is what Config.Memory
// allows, as the heap has it.
func TestStore_Memory(t *testing.T) {
	const most, size, orders = 16 << 20, 20_000, 800
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	f := newLaneOf(t, Config{Memory: most})
	before := heap()
	for n := range orders {
		detail := json.RawMessage(`"` + strings.Repeat("x", size) + `"`)
		_, err := f.Append(t.Context(), work.Unit{
			OrderID: domain.OrderID{byte(n), byte(n >> 8), 15: 1}, Events: []domain.Event{domain.OrderPlaced{Detail: detail}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	got := heap() - before
	runtime.KeepAlive(f)
	t.Logf("%d orders with details of %d bytes: %d MB more in the heap", orders, size, got>>20)
	if got > most*5/4 || got < most/4 { // streams and the end of the log share what both remember
		t.Errorf("%d bytes are remembered, want about %d at most", got, most)
	}
}

// TestMemory_look: whoever looks at a stream and then at the mark of its partition never finds a stream
// that the mark does not cover, also while all is forgotten, as after a restore of a backup.
func TestMemory_look(t *testing.T) {
	const rounds = 50_000
	m, done := newMemory(1<<20, 1), make(chan struct{})
	id := domain.OrderID{1}
	go func() {
		defer close(done)
		for n := range int64(rounds) {
			m.remember([]domain.Recorded{{OrderID: id, Version: 1, Position: n + 1, Hash: []byte{byte(n), byte(n >> 8)}}})
			m.forget(0, m.marks.of(0))
		}
	}()
	bare := 0
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		var position int64
		var last mark
		m.look(func() {
			if e, known := m.recent.last(id); known {
				position = e.Position
			}
			last = m.marks.of(0)
		})
		if position > last.position {
			bare++
		}
	}
	if bare > 0 {
		t.Errorf("%d looks found a stream beyond the mark", bare)
	}
}
