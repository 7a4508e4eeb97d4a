package shared

import (
	"context"
	"sync"
	"time"
)

// Question is something that is asked for many. Its fields are set before the first Get and not changed.
type Question[T any] struct {
	Ask func(context.Context) (T, error)
	// Every is the time between two times of asking, and Timeout bounds one.
	Every, Timeout time.Duration

	mu   sync.Mutex
	last *asked[T] // nil before the first
}

// asked is one time of asking. Its answer is set before done is closed.
type asked[T any] struct {
	begun  time.Time
	done   chan struct{}
	answer T
	err    error
}

// Get gives the answer of the last time, or of a new one if enough time has passed. It waits until ctx ends; the question
// goes on.
func (q *Question[T]) Get(ctx context.Context) (answer T, err error) {
	a := q.current(ctx)
	select {
	case <-a.done:
		return a.answer, a.err
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	}
}

func (q *Question[T]) current(ctx context.Context) *asked[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a := q.last; a != nil && (!a.ended() || time.Since(a.begun) < q.Every) {
		return a
	}
	a := &asked[T]{begun: time.Now(), done: make(chan struct{})}
	q.last = a
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.Timeout)
	go func() {
		defer cancel()
		defer close(a.done)
		a.answer, a.err = q.Ask(ctx)
	}()
	return a
}

func (a *asked[T]) ended() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}
