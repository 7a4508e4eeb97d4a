package shared

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const every, timeout = time.Second, 5 * time.Second

// TestQuestion: fifty viewers in a second ask one question, and those of the next second one more.
func TestQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		q := Question[int]{Every: every, Timeout: timeout, Ask: func(context.Context) (int, error) {
			asked++
			time.Sleep(100 * time.Millisecond)
			return asked, nil
		}}
		for second := 1; second <= 3; second++ {
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if n, err := q.Get(t.Context()); n != second || err != nil {
						t.Errorf("in second %d the answer is %d, err %v", second, n, err)
					}
				})
			}
			all.Wait()
			time.Sleep(every)
		}
	})
}

// TestQuestion_impatient: who goes away does not end the question for the others, and it ends by itself.
func TestQuestion_impatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := Question[int]{Every: every, Timeout: timeout, Ask: func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		gone, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		var waits sync.WaitGroup
		waits.Go(func() {
			if _, err := q.Get(gone); !errors.Is(err, context.Canceled) || time.Since(begun) != time.Second {
				t.Errorf("who goes away is answered %v after %s", err, time.Since(begun))
			}
		})
		waits.Go(func() {
			if _, err := q.Get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != timeout {
				t.Errorf("who waits is answered %v after %s", err, time.Since(begun))
			}
		})
		time.Sleep(time.Second)
		cancel()
		waits.Wait()
	})
}
