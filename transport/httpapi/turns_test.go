package httpapi

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sync/semaphore"
)

func TestInTurn(t *testing.T) {
	turns, failed := semaphore.NewWeighted(1), errors.New("failed")
	if err := inTurn(t.Context(), turns, 1, func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("err %v, want that of the function", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = inTurn(t.Context(), turns, 1, func() error { panic("here") })
	}()
	if !turns.TryAcquire(1) {
		t.Error("somebody has a turn")
	}
}

// TestAPI_decode: large bodies wait for their turn, small ones do not.
func TestAPI_decode(t *testing.T) {
	a := &api{decoding: semaphore.NewWeighted(1)}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	large := []byte(`{"detail":"` + strings.Repeat("x", smallBody) + `"}`)
	err := inTurn(t.Context(), a.decoding, 1, func() error {
		if _, err := a.decode(gone, []byte("{}")); err != nil {
			t.Errorf("a small one: %v", err)
		}
		if _, err := a.decode(gone, large); !errors.Is(err, context.Canceled) {
			t.Errorf("a second large one: %v", err)
		}
		return nil
	})
	if o, again := a.decode(t.Context(), large); err != nil || again != nil || len(o.Detail) != smallBody+2 {
		t.Errorf("err %v, then %v and %d bytes", err, again, len(o.Detail))
	}
}
