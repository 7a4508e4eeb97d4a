package bench

import (
	"context"
	"fmt"
	"time"

	"orderflow/schema"
)

// untaken is how long others may need for the work of a node that was killed.
const untaken = time.Minute

// loseOne kills a node, and waits until others have taken over all that it had.
func (c *cluster) loseOne(ctx context.Context, db *schema.DB) (node string, at time.Time, err error) {
	last := len(c.all) - 1
	p := c.all[last]
	c.all = c.all[:last]
	node, at = p.Node, time.Now()
	if err := p.Kill(); err != nil {
		return node, at, err
	}
	const pause = 100 * time.Millisecond
	for deadline := at.Add(untaken); ; {
		var left int
		if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM inflight WHERE node = ?1`, node).Scan(&left); err != nil {
			return node, at, db.Translate(err)
		}
		if left == 0 {
			return node, at, nil
		}
		if time.Now().After(deadline) {
			return node, at, fmt.Errorf("after %s nobody has taken over %d orders of node %s", untaken, left, node)
		}
		if err := sleep(ctx, pause); err != nil {
			return node, at, err
		}
	}
}
