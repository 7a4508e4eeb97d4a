package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/domain"
)

// together has callers call f for 0 to n-1, each the next number as soon as its last call
// has returned, and gives how long each call took. The first error ends it.
func together(ctx context.Context, callers, n int, f func(ctx context.Context, i int) error) ([]time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make([]time.Duration, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(callers, n) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				begun := time.Now()
				if err := f(ctx, int(i)); err != nil {
					cancel(err)
					return
				}
				took[i] = time.Since(begun)
			}
		})
	}
	wg.Wait()
	return took, context.Cause(ctx)
}

// steadily calls f for 0 to n-1, so many times a second, whether or not the calls before
// have returned, and gives when each was begun and how long it took.
func steadily(ctx context.Context, rate float64, n int, f func(ctx context.Context, i int) error) (begun []time.Time, took []time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begun, took = make([]time.Time, n), make([]time.Duration, n)
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	var wg sync.WaitGroup
	for i := range n {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			begun[i] = time.Now()
			if err := f(ctx, i); err != nil {
				cancel(err)
			}
			took[i] = time.Since(begun[i])
		})
	}
	wg.Wait()
	return begun, took, context.Cause(ctx)
}

// place is how orders are placed on a node, as the configuration says, and what to do
// afterwards.
func (c *Config) place(n *Node) (place func(context.Context, string, json.RawMessage) (domain.OrderID, error), done func()) {
	if !c.HTTP {
		return n.Place, func() {}
	}
	over := newClient(n.URL, c.Clients)
	return over.place, over.close
}

// tracking is the tracking id of the ith order of a batch.
func tracking(batch string, i int) string { return fmt.Sprintf("bench-%s-%06d", batch, i) }
