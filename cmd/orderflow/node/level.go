package node

import (
	"context"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/transport/messaging/inflight"
)

// requireReadable refuses a database whose events may be in forms that this program does not read.
func (n *Node) requireReadable(context.Context) error {
	if level := n.store.Level(); level > domain.EventLevel {
		return fmt.Errorf("%w: the events of %s are written at level %d, and it reads them up to level %d: run the newer version",
			domain.ErrNewer, n.db.DSN(), level, domain.EventLevel)
	}
	return nil
}

// followLevel has the node append events in the newest forms that every live node reads. While
// there are newer forms than it may write, it asks as often as there are heartbeats.
func (n *Node) followLevel(ctx context.Context) error {
	tick := time.NewTicker(n.conf.Heartbeat)
	defer tick.Stop()
	nodes, said := inflight.NewNodes(n.db), ""
	for {
		if n.store.Level() < domain.EventLevel {
			said = n.askLevel(ctx, nodes, said)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

const (
	saysNewest = "every node reads the newest forms of events: they are written from now on"
	saysOlder  = "there is a node that does not read the newest forms of events: older ones are written while it lives"
	saysAgain  = "at which level events may be written cannot be told; trying again"
)

// askLevel asks once, and says what has come of it, unless it was what was said last.
func (n *Node) askLevel(ctx context.Context, nodes *inflight.Nodes, said string) string {
	level, err := nodes.EventLevel(ctx)
	n.store.Allow(level)
	entry, says := n.entry("member").WithField("event_level", level), saysOlder
	switch {
	case ctx.Err() != nil:
		return said
	case err != nil:
		says = saysAgain
	case level >= domain.EventLevel:
		says = saysNewest
	}
	switch {
	case says == said:
	case err != nil:
		entry.WithError(err).Warn(says)
	default:
		entry.Info(says)
	}
	return says
}
