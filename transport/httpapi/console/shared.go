package console

import (
	"context"
	"sync"
	"time"
)

const (
	// atMostEvery is the time between two questions of one kind, however many viewers there are.
	atMostEvery = time.Second
	// askTimeout bounds one question.
	askTimeout = 5 * time.Second
)

// shared asks one question for all viewers: those that come within a second share an answer.
type shared[T any] struct {
	ask func(context.Context) (T, error)

	mu   sync.Mutex
	last *asked[T] // nil before the first
}

// asked is one question. Its answer is set before done is closed.
type asked[T any] struct {
	begun  time.Time
	done   chan struct{}
	answer T
	err    error
}

// get gives the last answer, or that of a new question if a second has passed. It waits until ctx ends; the question goes on.
func (s *shared[T]) get(ctx context.Context) (answer T, err error) {
	a := s.current(ctx)
	select {
	case <-a.done:
		return a.answer, a.err
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	}
}

func (s *shared[T]) current(ctx context.Context) *asked[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.last; a != nil {
		select {
		case <-a.done:
			if time.Since(a.begun) < atMostEvery {
				return a
			}
		default:
			return a
		}
	}
	a := &asked[T]{begun: time.Now(), done: make(chan struct{})}
	s.last = a
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	go func() {
		defer cancel()
		defer close(a.done)
		a.answer, a.err = s.ask(ctx)
	}()
	return a
}
