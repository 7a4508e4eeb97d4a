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
