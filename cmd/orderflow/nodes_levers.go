package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/schema"
)

// nodeLever is a lever on one node.
type nodeLever struct {
	leverFlags
	Node string `arg:"" name:"node" help:"The node, as the list names it."`
}

// nodesCordonCmd cordons a node.
type nodesCordonCmd struct{ nodeLever }

func (nodesCordonCmd) Help() string {
	return `The node ends the steps that it runs, begins no others, and goes on to serve what its other roles say. That holds until
"nodes uncordon", also after a restart under the same name (--node-id).`
}

func (c *nodesCordonCmd) Run(ctx context.Context, out *output) error {
	return c.pull(ctx, out, c.Node, func(l operate.Levers) (operate.Done, error) { return l.Cordon(ctx, c.Node, c.by()) })
}

// nodesUncordonCmd uncordons a node.
type nodesUncordonCmd struct{ nodeLever }

func (c *nodesUncordonCmd) Run(ctx context.Context, out *output) error {
	return c.pull(ctx, out, c.Node, func(l operate.Levers) (operate.Done, error) { return l.Uncordon(ctx, c.Node, c.by()) })
}

// nodesStopCmd stops a node.
type nodesStopCmd struct{ nodeLever }

func (c *nodesStopCmd) Run(ctx context.Context, out *output) error {
	return c.pull(ctx, out, c.Node, func(l operate.Levers) (operate.Done, error) { return l.Stop(ctx, c.Node, c.by()) })
}

// nodesLoglevelCmd changes the level of a node's log.
type nodesLoglevelCmd struct {
	nodeLever
	Level string `arg:"" name:"level" help:"trace, debug, info, warn or error."`
}

func (c *nodesLoglevelCmd) Run(ctx context.Context, out *output) error {
	return c.pull(ctx, out, c.Node, func(l operate.Levers) (operate.Done, error) { return l.SetLogLevel(ctx, c.Node, c.Level, c.by()) })
}

// nodesDrainCmd drains a node.
type nodesDrainCmd struct {
	nodeLever
	Wait    bool          `help:"Wait until the node has ended."`
	Timeout time.Duration `placeholder:"DURATION" help:"How long to wait at most. The node goes on to drain after that. Default: as long as it takes."`
}

func (nodesDrainCmd) Help() string {
	return `The node begins no work, and ends when the steps that it runs have ended, however long they take; "nodes stop" after that
cuts them short. This is for one registration: a node that is started again under the name is not drained.

Example: orderflow nodes drain node-1f09ac7e --reason "the machine gets a new disk" --wait --timeout 10m`
}

func (c *nodesDrainCmd) Run(ctx context.Context, out *output) error {
	return c.with(ctx, func(db *schema.DB) error {
		levers := node.LeversOf(db)
		done, err := levers.Drain(ctx, c.Node, c.by())
		if err == nil && c.Wait {
			err = c.wait(ctx, out, levers, work.Registration{Node: c.Node, Epoch: done.Epoch})
			done.Now = "the node has ended"
		}
		if err != nil {
			return err
		}
		return c.say(out, c.Node, done)
	})
}

// askEvery is the time between two looks at a node that drains.
const askEvery = 200 * time.Millisecond

// wait waits until a registration has ended.
func (c *nodesDrainCmd) wait(ctx context.Context, out *output, levers operate.Levers, of work.Registration) error {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for say := out.nowAndThen(c.JSON); ; {
		n, kept, err := levers.Registration(ctx, of)
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return fmt.Errorf("node %s has not ended within %s: it goes on draining", of.Node, c.Timeout)
		case ctx.Err() != nil:
			return fmt.Errorf("node %s has not ended yet: it goes on draining", of.Node)
		case err != nil:
			return err
		case kept && n.Expired && n.State != work.NodeStopped:
			return fmt.Errorf("%w: node %s was lost while it drained: others take over what it had in hand", domain.ErrUnavailable, of.Node)
		case !kept || n.Expired:
			return nil
		}
		say("%s: %s, %d of %d workers are busy", of.Node, n.State, n.Busy, n.Slots)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}
