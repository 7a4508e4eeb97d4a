package node

import (
	"context"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/transport/messaging/inflight"
)

// levels has the node append events in the newest forms that every live node reads.
type levels struct {
	store *eventstore.Store
	nodes *inflight.Nodes
	log   *logrus.Entry
	said  string // last
}

// followLevels looks at once, and then as often as there are heartbeats.
func (f *frame) followLevels(ctx context.Context) error {
	l := &levels{store: f.Store, nodes: inflight.NewNodes(f.DB), log: f.self.entry("member")}
	l.look(ctx)
	return every(f.conf.Heartbeat, l.look)(ctx)
}

const (
	saysNewest = "every node reads the newest forms of events: they are written from now on"
	saysOlder  = "there is a node that does not read the newest forms of events: older ones are written while it lives"
	saysAgain  = "at which level events may be written cannot be told; trying again"
)

// look asks for the level, unless the node writes the newest forms already. It logs the answer if that
// is not the one that it logged last.
func (l *levels) look(ctx context.Context) {
	if l.store.Level() >= domain.EventLevel {
		return
	}
	level, err := l.nodes.EventLevel(ctx)
	l.store.Allow(level)
	entry, says := l.log.WithField("event_level", level), saysOlder
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		says = saysAgain
	case level >= domain.EventLevel:
		says = saysNewest
	}
	switch {
	case says == l.said:
	case err != nil:
		entry.WithError(err).Warn(says)
	default:
		entry.Info(says)
	}
	l.said = says
}
