package node

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore/operations"
	"orderflow/schema"
)

// cuts has the steps cut short that operators do not wait for. What they want is taken back once every node has had the
// time to read it: the node that has the order in hand has, or is lost, and then the step is interrupted all the same.
type cuts struct {
	cut    func(map[domain.OrderID]work.Control) // the steps that run here; nil if none do
	forget func(context.Context, domain.OrderID) error
	after  time.Duration
	met    map[domain.OrderID]time.Time // since when they are known here
}

// cutBrief bounds how long taking one back waits for a lock.
const cutBrief = 300 * time.Millisecond

// cuts of the node.
func (n *Node) cuts() *cuts {
	c := &cuts{after: max(time.Minute, 2*n.conf.LeaseTTL), met: map[domain.OrderID]time.Time{}}
	if n.worker != nil {
		c.cut = n.worker.steps.Cut
	}
	c.forget = func(ctx context.Context, id domain.OrderID) error {
		return n.DB.InBatchBrief(ctx, cutBrief, func() ([]schema.Question, error) {
			return []schema.Question{operations.Clearing(work.ControlCut, id.String())}, nil
		})
	}
	return c
}

// look does what all ask for. What cannot be taken back now is tried again.
func (c *cuts) look(ctx context.Context, all map[domain.OrderID]work.Control) {
	if c.cut != nil {
		c.cut(all)
	}
	for id := range c.met {
		if _, still := all[id]; !still {
			delete(c.met, id)
		}
	}
	for id := range all {
		met, known := c.met[id]
		switch {
		case !known:
			c.met[id] = time.Now()
		case time.Since(met) >= c.after && c.forget(ctx, id) == nil:
			delete(c.met, id)
		}
	}
}
