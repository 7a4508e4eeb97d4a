package messaging

import (
	"context"
	"fmt"
)

// Drain stops claiming and delivering. It waits until every delivered message has been acked or nacked and
// the database has heard of it, and until what was claimed and not delivered has been given back. If ctx
// ends first, or the subscriber is closed, that is an error; draining goes on until Close.
func (s *Subscriber) Drain(ctx context.Context) error {
	s.slots.startDraining()
	var err error
	select {
	case <-s.slots.drained:
		return nil
	case <-s.loop.done:
		err = fmt.Errorf("subscriber %w", ErrClosed)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if isClosed(s.slots.drained) { // at the same moment
		return nil
	}
	return fmt.Errorf("drain: %d messages are still being handled: %w", s.Busy(), err)
}
