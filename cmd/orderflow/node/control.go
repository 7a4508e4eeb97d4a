package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain/work"
	"orderflow/transport/httpapi"
)

// loopStill is how long the claim loop may go without a round before it counts as
// stuck: several of its own time-outs.
const loopStill = time.Minute

// control is the node as its admin interface sees it.
type control struct{ node *Node }

var _ httpapi.NodeControl = control{}

// Stop has the node drain and end.
func (c control) Stop(by httpapi.Caller) {
	entry := c.node.entry("node").WithFields(logrus.Fields{"remote": by.Remote, "correlation_id": by.CorrelationID})
	if by.Role != "" {
		entry = entry.WithField("role", by.Role)
	}
	entry.Info("stopping: the command /command/stop asks for it; draining first")
	c.node.stop()
}

// Self looks at the node's own parts: whether they go round, and whether their rounds succeed.
// One that fails for a moment is no fault.
func (c control) Self(context.Context) error {
	if why := c.node.gate.closed(); why != nil {
		return why
	}
	if err := c.node.member.Alive(); err != nil {
		return err
	}
	for _, p := range []*pulse{c.node.heart, c.node.claims, c.node.applying} {
		if err := p.failing(c.node.conf.Heartbeat * 3 / 2); err != nil {
			return err
		}
	}
	if s := c.node.subscriber; s != nil {
		if still := s.Alive(); still > loopStill {
			return fmt.Errorf("the claim loop has not come round for %s", still.Round(time.Second))
		}
	}
	return nil
}

// External asks whether the database takes orders.
func (c control) External(ctx context.Context) error { return c.node.probe.ask(ctx) }

// errStopping is why a node that drains is not ready.
var errStopping = errors.New("the node is stopping")

// Ready says whether the node does what its roles say.
func (c control) Ready(ctx context.Context) error {
	if c.node.stopping.Err() != nil {
		return errStopping
	}
	if why := c.node.gate.closed(); why != nil {
		return why
	}
	if _, registered := c.node.member.Tenure(); !registered {
		return c.unregistered()
	}
	if p := c.node.projector; p != nil {
		if err := p.Stopped(); err != nil {
			return err
		}
	}
	return named(c.node.db.Blocked, c.node.db.Ping(ctx))
}

// unregistered says that the node has no registration and, if it is known, why.
func (c control) unregistered() error {
	const text = "the node is not registered in the cluster"
	if why := c.node.heart.failing(0); why != nil {
		return fmt.Errorf(text+": %w", why)
	}
	return errors.New(text)
}

// Stat is how the node stands, from memory.
func (c control) Stat(context.Context) httpapi.NodeStat {
	n, db := c.node, c.node.db.Stats()
	s := httpapi.NodeStat{
		Node: n.name, State: n.member.State(), Version: c.node.conf.Version, Host: n.host, PID: os.Getpid(), Roles: n.conf.Roles,
		Database: n.db.DSN().String(), StartedAt: n.started, Slots: n.conf.slots(), Busy: n.busy(),
		Statements: db.Statements, Transactions: db.Transactions, Retries: db.Retries,
		NodesLost: n.losses.Lost(), TakeOvers: n.losses.TakeOvers(),
		WaitedSeconds: db.Waited.Seconds(), HeldSeconds: db.Open.Seconds(),
		WALBytes: n.db.WALBytes(), Lag: n.surroundings.lag.Load(), MissingRoles: n.surroundings.missing(),
	}
	if n.steps != nil {
		s.StepsInterrupted = n.steps.Interrupted()
	}
	t, registered := n.member.Tenure()
	switch {
	case registered:
		s.Epoch, s.HeartbeatAt = t.Epoch, n.heart.last()
	case s.State == work.NodeActive:
		s.State = work.NodeUnregistered
	}
	if n.stopping.Err() != nil && s.State != work.NodeStopped {
		s.State = work.NodeDraining
	}
	return s
}
