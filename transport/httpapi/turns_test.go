package httpapi

import (
	"context"
	"errors"
	"testing"
)

func TestTurns(t *testing.T) {
	turns, nothing := make(turns, 1), func() error { return nil }
	failed := errors.New("failed")
	if err := turns.take(t.Context(), smallBody+1, func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("err %v, want that of the function", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = turns.take(t.Context(), smallBody+1, func() error { panic("here") })
	}()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	err := turns.take(t.Context(), smallBody+1, func() error {
		if err := turns.take(gone, smallBody, nothing); err != nil {
			t.Errorf("a small one: %v", err)
		}
		if err := turns.take(gone, smallBody+1, nothing); !errors.Is(err, context.Canceled) {
			t.Errorf("a second large one: %v", err)
		}
		return nil
	})
	if err != nil || len(turns) != 0 {
		t.Errorf("err %v, %d have a turn", err, len(turns))
	}
}
