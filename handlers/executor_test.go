package handlers

import (
	"context"
	"sync"
	"testing"

	"orderflow/domain"
)

// scripted is an executor that does as it is told and remembers what it was asked.
type scripted struct {
	t testing.TB

	mu         sync.Mutex
	execute    func(context.Context, Work) error // nil: succeeds
	compensate func(context.Context, Work) error // nil: succeeds
	executed   []Work
	undone     []Work
	open       map[domain.OrderID]int
}

func (s *scripted) Execute(ctx context.Context, w Work) error {
	s.mu.Lock()
	s.executed = append(s.executed, w)
	f := s.execute
	s.mu.Unlock()
	return s.call(ctx, w, f)
}

func (s *scripted) Compensate(ctx context.Context, w Work) error {
	s.mu.Lock()
	s.undone = append(s.undone, w)
	f := s.compensate
	s.mu.Unlock()
	return s.call(ctx, w, f)
}

// call runs f, and reports an order that is worked on twice at once.
func (s *scripted) call(ctx context.Context, w Work, f func(context.Context, Work) error) error {
	s.enter(w.Order, 1)
	defer s.enter(w.Order, -1)
	if f == nil {
		return nil
	}
	return f(ctx, w)
}

func (s *scripted) enter(id domain.OrderID, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[domain.OrderID]int{}
	}
	if s.open[id] += n; s.open[id] > 1 {
		s.t.Errorf("order %s is worked on twice at once", id)
	}
}

// succeed has Execute do nothing from now on.
func (s *scripted) succeed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.execute = nil
}

// failing gives an execute that fails at one step.
func failing(step domain.Step, err error) func(context.Context, Work) error {
	return func(_ context.Context, w Work) error {
		if w.Step == step {
			return err
		}
		return nil
	}
}
