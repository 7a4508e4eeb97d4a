package console

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestShared: fifty viewers in a second ask one question, and those of the next second one more.
func TestShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := shared[int]{ask: func(context.Context) (int, error) {
			asked++
			time.Sleep(100 * time.Millisecond)
			return asked, nil
		}}
		for second := 1; second <= 3; second++ {
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if n, err := s.get(t.Context()); n != second || err != nil {
						t.Errorf("in second %d the answer is %d, err %v", second, n, err)
					}
				})
			}
			all.Wait()
			time.Sleep(atMostEvery)
		}
	})
}

// TestShared_impatient: who goes away does not end the question for the others, and it ends by itself.
func TestShared_impatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shared[int]{ask: func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		gone, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		var waits sync.WaitGroup
		waits.Go(func() {
			if _, err := s.get(gone); !errors.Is(err, context.Canceled) || time.Since(begun) != time.Second {
				t.Errorf("who goes away is answered %v after %s", err, time.Since(begun))
			}
		})
		waits.Go(func() {
			if _, err := s.get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != askTimeout {
				t.Errorf("who waits is answered %v after %s", err, time.Since(begun))
			}
		})
		time.Sleep(time.Second)
		cancel()
		waits.Wait()
	})
}
