package bench

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestTogether(t *testing.T) {
	var calls [100]atomic.Int64
	var at, most atomic.Int64
	took, err := together(t.Context(), 4, len(calls), func(_ context.Context, i int) error {
		most.Store(max(most.Load(), at.Add(1)))
		calls[i].Add(1)
		at.Add(-1)
		return nil
	})
	if err != nil || len(took) != len(calls) || most.Load() > 4 {
		t.Errorf("%v, %d times, %d calls at once; want %d times, 4 calls at most", err, len(took), most.Load(), len(calls))
	}
	for i := range calls {
		if n := calls[i].Load(); n != 1 {
			t.Errorf("call %d was made %d times", i, n)
		}
	}
}

func TestTogether_error(t *testing.T) {
	no, calls := errors.New("no"), atomic.Int64{}
	_, err := together(t.Context(), 2, 1000, func(context.Context, int) error { calls.Add(1); return no })
	if !errors.Is(err, no) || calls.Load() > 2 {
		t.Errorf("%v after %d calls; want the first error, and no more calls", err, calls.Load())
	}
}

func TestSteadily(t *testing.T) {
	block := make(chan struct{})
	begun, took, err := steadily(t.Context(), 1000, 5, func(_ context.Context, i int) error {
		if i == 4 {
			close(block) // the others need not have returned for this one to be made
		}
		<-block
		return nil
	})
	if err != nil || len(begun) != 5 || len(took) != 5 {
		t.Fatalf("%v, %d begun, %d returned; want 5", err, len(begun), len(took))
	}
	no := errors.New("no")
	if _, _, err := steadily(t.Context(), 1000, 5, func(context.Context, int) error { return no }); !errors.Is(err, no) {
		t.Errorf("%v, want the first error", err)
	}
}
