package node

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/projections/cluster"
	"orderflow/transport/messaging/inflight"
)

const (
	// windowEvery is how often a window of what the node counts is closed. The next heartbeat takes it along.
	windowEvery = 10 * time.Second
	// windowsOfMinute is how many of them are stored together.
	windowsOfMinute = int(time.Minute / windowEvery)
	// atTheEnd bounds how long the node waits, at its end, until what it counted since the last minute is stored.
	atTheEnd = 2 * time.Second
)

// measures closes the windows of what this node counts, and stores what it counted each minute.
type measures struct {
	node    string
	meter   *cluster.Meter
	minutes *cluster.Minutes
	losses  *inflight.Losses
	log     *logrus.Entry

	lost, taken int64 // of losses, up to the last window
	windows     int   // closed since the last minute
}

func (n *Node) measures() *measures {
	return &measures{
		node: n.self.name, meter: n.meter, minutes: cluster.NewMinutes(n.DB), losses: n.member.losses, log: n.self.entry("measures"),
	}
}

// run measures until ctx ends, and stores what is left then.
func (m *measures) run(ctx context.Context) error {
	_ = every(windowEvery, m.closeWindow)(ctx) // it gives nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), atTheEnd)
	defer cancel()
	m.windows = windowsOfMinute
	m.closeWindow(ctx)
	return nil
}

func (m *measures) closeWindow(ctx context.Context) {
	lost, taken := m.losses.Lost(), m.losses.TakeOvers()
	m.meter.Close(cluster.Counts{NodesLost: lost - m.lost, TakenOver: taken - m.taken})
	m.lost, m.taken = lost, taken
	if m.windows++; m.windows < windowsOfMinute {
		return
	}
	m.windows = 0
	if err := m.minutes.Write(ctx, m.node, m.meter); err != nil {
		m.log.WithError(err).Debug("it is stored with the next minute") // others report a database that does not answer
	}
}
