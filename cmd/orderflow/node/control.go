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
	"orderflow/transport/messaging/inflight"
)

// loopStill is how long the claim loop may go without a round before it counts as
// stuck: several of its own time-outs.
const loopStill = time.Minute

// control is the node as its admin interface sees it.
type control struct{ node *Node }

var _ httpapi.NodeControl = control{}

// Stop has the node drain and end.
func (c control) Stop(by httpapi.Caller) {
	entry := c.node.self.entry("node").WithFields(logrus.Fields{"remote": by.Remote, "correlation_id": by.CorrelationID})
	if by.Role != "" {
		entry = entry.WithField("role", by.Role)
	}
	entry.Info("stopping: the command /command/stop asks for it; draining first")
	c.node.Stop()
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
	for _, p := range []*pulse{c.node.health.heart, c.node.health.claims, c.node.health.applying} {
		if err := p.failing(c.node.conf.Heartbeat * 3 / 2); err != nil {
			return err
		}
	}
	if w := c.node.worker; w != nil {
		if still := w.subscriber.Alive(); still > loopStill {
			return fmt.Errorf("the claim loop has not come round for %s", still.Round(time.Second))
		}
	}
	return nil
}

// External asks whether the database takes orders.
func (c control) External(ctx context.Context) error { return c.node.health.probe.ask(ctx) }

// health is what is known of how the node's parts are doing.
type health struct {
	heart, claims, applying *pulse // of the heartbeat, the claim loop, the projector
	probe                   *probe
	cluster                 *surroundings
}

func (n *Node) buildHealth(context.Context) error {
	n.health = health{
		heart: newPulse("the heartbeat"), claims: newPulse("the claim loop"), applying: newPulse("the projector"),
		probe:   &probe{do: func(ctx context.Context) error { return n.schema.probe(ctx, n.self.name) }, blocked: n.DB.Blocked},
		cluster: &surroundings{db: n.DB, store: n.Store, nodes: inflight.NewNodes(n.DB), log: n.self.entry("cluster")},
	}
	return nil
}

// errStopping is why a node that drains is not ready.
var errStopping = errors.New("the node is stopping")

// Ready says whether the node does what its roles say.
func (c control) Ready(ctx context.Context) error {
	if c.node.life.stopping.Err() != nil {
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
	return named(c.node.DB.Blocked, c.node.DB.Ping(ctx))
}

// unregistered says that the node has no registration and, if it is known, why.
func (c control) unregistered() error {
	const text = "the node is not registered in the cluster"
	if why := c.node.health.heart.failing(0); why != nil {
		return fmt.Errorf(text+": %w", why)
	}
	return errors.New(text)
}

// Stat is how the node stands, from memory.
func (c control) Stat(context.Context) httpapi.NodeStat {
	n, db := c.node, c.node.DB.Stats()
	s := httpapi.NodeStat{
		Node: n.self.name, State: n.member.State(), Version: n.self.version, Host: n.self.host, PID: os.Getpid(), Roles: n.conf.Roles,
		Database: n.DB.DSN().String(), StartedAt: n.self.started, Slots: n.conf.slots(), Busy: n.busy(),
		Statements: db.Statements, Transactions: db.Transactions, Retries: db.Retries,
		NodesLost: n.member.losses.Lost(), TakeOvers: n.member.losses.TakeOvers(),
		WaitedSeconds: db.Waited.Seconds(), HeldSeconds: db.Open.Seconds(),
		WALBytes: n.DB.WAL().Bytes(), Lag: n.health.cluster.lag.Load(), MissingRoles: n.health.cluster.missing(),
	}
	if n.worker != nil {
		s.StepsInterrupted = n.worker.steps.Interrupted()
	}
	t, registered := n.member.Tenure()
	switch {
	case registered:
		s.Epoch, s.HeartbeatAt = t.Epoch, n.health.heart.last()
	case s.State == work.NodeActive:
		s.State = work.NodeUnregistered
	}
	if n.life.stopping.Err() != nil && s.State != work.NodeStopped {
		s.State = work.NodeDraining
	}
	return s
}
