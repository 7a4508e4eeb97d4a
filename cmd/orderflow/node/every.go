package node

import (
	"context"
	"time"
)

// every gives what calls look each time so much has passed, until its context ends.
func every(d time.Duration, look func(context.Context)) func(context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				look(ctx)
			}
		}
	}
}
