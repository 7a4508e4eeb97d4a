package httpapi

import (
	"context"
	"runtime"
)

// turns lets large bodies be decoded one after the other, on half of the processors at most. Many
// at once would keep what has to happen in time, such as a heartbeat, waiting for a processor.
type turns chan struct{}

func newTurns() turns { return make(turns, max(1, runtime.GOMAXPROCS(0)/2)) }

// take calls f for a body of n bytes, if it is large in its turn. It waits for that until ctx ends.
func (t turns) take(ctx context.Context, n int, f func() error) error {
	if n <= smallBody {
		return f()
	}
	select {
	case t <- struct{}{}:
		defer func() { <-t }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}
