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
type control struct{ *Node }

var _ httpapi.NodeControl = control{}

// Stop lets the node drain and end.
func (c control) Stop(by httpapi.Caller) {
	entry := c.self.entry("node").WithFields(logrus.Fields{"remote": by.Remote, "correlation_id": by.CorrelationID})
	if by.Role != "" {
		entry = entry.WithField("role", by.Role)
	}
	entry.Info("stopping: the command /command/stop asks for it; draining first")
	c.Node.Stop()
}

// Self looks at the node's own parts: whether they go round, and whether their rounds succeed.
// One that fails for a moment is no fault.
func (c control) Self(context.Context) error {
	if why := c.gate.closed(); why != nil {
		return why
	}
	if err := c.member.Alive(); err != nil {
		return err
	}
	for _, p := range []*pulse{c.health.heart, c.health.claims, c.health.applying} {
		if err := p.failing(c.conf.Heartbeat * 3 / 2); err != nil {
			return err
		}
	}
	if w := c.worker; w != nil {
		if still := w.subscriber.Alive(); still > loopStill {
			return fmt.Errorf("the claim loop has not come round for %s", still.Round(time.Second))
		}
	}
	return nil
}

// External asks whether the database takes orders.
func (c control) External(ctx context.Context) error { return c.health.probe.ask(ctx) }

// errStopping is why a node that drains is not ready.
var errStopping = errors.New("the node is stopping")

// Ready says why the node does not do what its roles say; nil if it does.
func (n *Node) Ready(ctx context.Context) error {
	if n.life.stopping.Err() != nil || n.member.State() == work.NodeDraining {
		return errStopping
	}
	if why := n.gate.closed(); why != nil {
		return why
	}
	if _, registered := n.member.Tenure(); !registered {
		return n.unregistered()
	}
	if err := n.wanted.unknown(); err != nil {
		return err
	}
	if p := n.projector; p != nil {
		if err := p.Stopped(); err != nil {
			return err
		}
	}
	return named(n.DB.Blocked, n.DB.Ping(ctx))
}

// unregistered says that the node has no registration and, if it is known, why.
func (n *Node) unregistered() error {
	const text = "the node is not registered in the cluster"
	if why := n.health.heart.failing(0); why != nil {
		return fmt.Errorf(text+": %w", why)
	}
	return errors.New(text)
}

// Stat is how the node stands, from memory.
func (c control) Stat(context.Context) httpapi.NodeStat {
	n, db := c.Node, c.DB.Stats()
	s := httpapi.NodeStat{
		Node: n.self.name, State: n.member.State(), Version: n.self.version, Host: n.self.host, PID: os.Getpid(), Roles: n.conf.Roles,
		Database: n.DB.DSN().String(), StartedAt: n.self.started, Slots: n.conf.slots(), Busy: n.worker.busy(),
		Statements: db.Statements, Transactions: db.Transactions, RoundTrips: db.RoundTrips, Retries: db.Retries,
		NodesLost: n.member.losses.Lost(), TakeOvers: n.member.losses.TakeOvers(),
		WaitedSeconds: db.Waited.Seconds(), HeldSeconds: db.Open.Seconds(),
		WALBytes: n.DB.WAL().Bytes(), Lag: n.health.cluster.lag.Load(), MissingRoles: n.health.cluster.missing(),
	}
	s.Alarms, s.WatchdogAt = n.watchdog.alarms(), n.watchdog.lastSuccess()
	if n.worker != nil {
		s.StepsInterrupted = n.worker.steps.Interrupted()
	}
	t, registered := n.member.Tenure()
	switch {
	case registered:
		s.Epoch, s.HeartbeatAt = t.Epoch, n.health.heart.last()
	case s.State == work.NodeActive || s.State == work.NodeCordoned:
		s.State = work.NodeUnregistered
	}
	if n.life.stopping.Err() != nil && s.State != work.NodeStopped {
		s.State = work.NodeDraining
	}
	return s
}
