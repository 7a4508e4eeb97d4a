package schema

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestDB_Blocked: those who wait for another process in vain are told so, the one that begins
// and those behind it; when it is over, nobody is.
func TestDB_Blocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	other, db := openAt(t, path), openAt(t, path)
	nothing := func(*Tx) error { return nil }
	err := other.InTx(t.Context(), func(*Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), blockedAfter+500*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := db.InTx(ctx, nothing); !errors.Is(err, ErrLocked) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a transaction that could not begin: %v, want ErrLocked and the end of its context", err)
				}
			})
		}
		wg.Wait()
		if err := db.Blocked(); !errors.Is(err, ErrLocked) {
			t.Errorf("blocked by %v, want ErrLocked", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.InTx(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	if err := db.Blocked(); err != nil {
		t.Errorf("still blocked: %v", err)
	}
}
