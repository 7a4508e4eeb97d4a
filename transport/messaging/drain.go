package messaging

import (
	"context"
	"fmt"
)

// Drain stops claiming and delivering, and waits until every delivered message has been
// acked or nacked and the database has heard of it, and of what was claimed and not
// delivered, which others can claim at once. If ctx ends first, or the subscriber is
// closed, that is an error; draining goes on until Close.
func (s *Subscriber) Drain(ctx context.Context) error {
	s.startDraining()
	nudge(s.wake)
	var err error
	select {
	case <-s.drained:
		return nil
	case <-s.loopDone:
		err = fmt.Errorf("subscriber %w", ErrClosed)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	select {
	case <-s.drained: // at the same moment
		return nil
	default:
		return fmt.Errorf("drain: %d messages are still being handled: %w", s.Busy(), err)
	}
}

func (s *Subscriber) startDraining() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isDraining() {
		close(s.draining)
	}
	s.quiet()
}

func (s *Subscriber) isDraining() bool { return isClosed(s.draining) }

// quiet closes drained once there is nothing left: no slot is in use, nothing is to be
// settled, and no round, which might have claimed before it knew, is under way. s.mu is
// held.
func (s *Subscriber) quiet() {
	if s.isDraining() && s.busy == 0 && len(s.settle) == 0 && !s.rounding && !isClosed(s.drained) {
		close(s.drained)
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
