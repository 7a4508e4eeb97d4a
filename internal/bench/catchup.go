package bench

import (
	"context"
	"fmt"
	"time"

	"orderflow/projections"
)

// caughtUp waits until the views of a node have everything that has been appended.
func caughtUp(ctx context.Context, n *Node) error {
	const pause = 2 * time.Millisecond
	deadline, last := time.Now().Add(stalled), int64(0)
	for {
		all, err := projections.Statuses(ctx, n.DB, n.Store)
		if err != nil {
			return err
		}
		lag := int64(0)
		for _, s := range all {
			lag += s.Lag
		}
		switch {
		case lag == 0:
			return nil
		case lag != last:
			deadline, last = time.Now().Add(stalled), lag
		case time.Now().After(deadline):
			return fmt.Errorf("the views stay %d events behind", lag)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}
