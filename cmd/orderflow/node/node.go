package node

import (
	"context"
	"errors"

	"github.com/sirupsen/logrus"

	"orderflow/eventstore"
	"orderflow/internal/process"
	"orderflow/projections/tail"
)

// Node is one running process. Parts that its roles do not need are nil.
type Node struct {
	frame
	life      life
	member    member // of the cluster; it holds the leases
	worker    *worker
	projector *tail.Projector
	watchdog  *watchdog
	surveys   *Surveys
	lost      *lostEnds
}

// New makes a node that is ready to run. If it fails, it leaves nothing open. From here on signals are
// caught, and looked at once the node runs.
func New(ctx context.Context, conf Config, log *logrus.Logger) (_ *Node, err error) {
	n := &Node{life: begin(ctx, conf)}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if n.frame, err = newFrame(ctx, conf, log); err != nil {
		return nil, err
	}
	if n.member, err = n.join(func() int { return n.worker.busy() }); err != nil {
		return nil, err
	}
	n.watchdog = newWatchdog(n.DB, n.Store, n.conf.WatchdogEvery, n.self.entry("watchdog"))
	n.lost = &lostEnds{db: n.DB, node: n.Name(), tell: n.watchdog.tell}
	n.Store.OnOtherHistory(n.startOver)
	if n.worker, err = n.newWorker(n.member); err != nil {
		return nil, err
	}
	if n.Placing, err = n.newPlacing(n.worker); err != nil {
		return nil, err
	}
	n.projector = n.newProjector()
	n.surveys = NewSurveys(n.DB, n.Store, n.Name(), n.status)
	return n, nil
}

// startOver is called when the database holds another history than the node remembers.
func (n *Node) startOver(h eventstore.OtherHistory) {
	n.self.entry("store").WithFields(logrus.Fields{"partition": h.Partition, "position": h.Position}).Error(
		"THE DATABASE HOLDS ANOTHER HISTORY than this node has seen: an event that was committed is not there. Was a backup restored under running nodes? " +
			"The node forgets all that it remembers and registers anew. Run \"orderflow check\"")
	n.lost.found(h)
	n.schema.suspect()
	n.member.Reregister()
}

// Name is the name of the node in the cluster.
func (n *Node) Name() string { return n.self.name }

// Addresses says where the node listens.
func (n *Node) Addresses() process.Addresses { return n.doors.addresses(n.self.name) }

// Stop lets the node drain and end.
func (n *Node) Stop() { n.life.stop() }

// Close closes what is open.
func (n *Node) Close() error {
	n.life.end()
	return n.frame.close()
}
