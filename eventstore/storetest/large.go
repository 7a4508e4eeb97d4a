package storetest

import (
	"context"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/schema"
)

// testLarge reads events of a megabyte: few at a time, however many were asked for, and all
// of them in the end.
func testLarge(t *testing.T, open func(testing.TB) *schema.DB) {
	const large, most = 6, 5 // of 4 MiB, but for the last
	f := newFixture(t, open(t))
	detail := []byte(`"` + strings.Repeat("x", 1<<20-100) + `"`)
	for n := range large {
		a := placed(orderIn(f.Store, 0, 1000*n))
		a.Events = []domain.Event{domain.OrderPlaced{Detail: detail}}
		_, err := f.Append(t.Context(), a)
		must(t, err)
	}
	for name, read := range map[string]func(context.Context, int, int64, int) ([]domain.Recorded, error){
		"store": f.ReadLog, "follower": f.Follower().ReadLog,
	} {
		var all []domain.Recorded
		for after, calls := int64(0), 0; ; calls++ {
			events, err := read(t.Context(), 0, after, 100)
			if must(t, err); len(events) == 0 {
				if calls < 2 {
					t.Errorf("%s: all were read at once", name)
				}
				break
			}
			if len(events) > most {
				t.Errorf("%s: %d events of a megabyte were read at once", name, len(events))
			}
			all = append(all, events...)
			after = all[len(all)-1].Position
		}
		if len(all) != large {
			t.Errorf("%s: %d events, want %d", name, len(all), large)
		}
	}
	streams := 0
	must(t, f.EachStream(t.Context(), 100, nil, func(events []domain.Recorded) error { streams += len(events); return nil }))
	if streams != large {
		t.Errorf("%d streams were given, want %d", streams, large)
	}
}
