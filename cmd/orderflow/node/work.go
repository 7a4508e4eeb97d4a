package node

import (
	"context"
	"math/rand/v2"
	"os"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/sirupsen/logrus"

	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/handlers"
	"orderflow/projections"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
	"orderflow/transport/messaging/retention"
)

// joinCluster makes the node's membership, and the subscriber that claims in its name.
func (n *Node) joinCluster(context.Context) (err error) {
	n.losses = inflight.NewLosses(n.db, inflight.LossesConfig{Every: n.conf.LeaseTTL / 2, Logger: n.entry("cluster")})
	n.member, err = handlers.NewNode(handlers.NodeConfig{
		Info: work.Node{
			Node: n.name, Slots: n.conf.slots(), Host: n.host, PID: os.Getpid(), Version: n.conf.Version,
			Roles: n.conf.roles(), Admin: n.adminListener.Addr().String(),
		},
		Registry:  inflight.NewNodes(n.db),
		Heartbeat: n.conf.Heartbeat,
		LeaseTTL:  n.conf.LeaseTTL,
		Busy:      n.busy,
		OnRenewal: n.heart.beat,
		Why:       n.db.Blocked,
		Logger:    n.entry("member"),
	})
	if err == nil {
		n.store.OnOtherHistory(n.startOver)
	}
	return err
}

// startOver is what the node does when the database is not the one that it knows.
func (n *Node) startOver(h eventstore.OtherHistory) {
	n.entry("store").WithFields(logrus.Fields{"partition": h.Partition, "position": h.Position}).Error(
		"THE DATABASE HOLDS ANOTHER HISTORY than this node has seen: an event that was committed is not there. Was a backup restored under running nodes? " +
			"The node forgets all that it remembers and registers anew. Run \"orderflow check\"")
	n.suspectSchema()
	n.member.Reregister()
}

func (n *Node) busy() int {
	if n.subscriber == nil {
		return 0
	}
	return n.subscriber.Busy()
}

func (n *Node) buildWorker(context.Context) error {
	if !n.conf.has(roleWorker) {
		return nil
	}
	var err error
	logger := messaging.NewLogrusAdapter(n.entry("messaging"))
	n.subscriber, err = messaging.NewSubscriber(n.db, messaging.Config{
		Slots: n.conf.Workers, Tenure: n.member.Tenure, AloneAfter: max(1, n.conf.MaxInterruptions-1), Losses: n.losses,
		Bell: n.bell, OnRound: n.claims.beat, Logger: logger,
	})
	if err != nil {
		return err
	}
	if n.steps, err = n.buildSteps(); err != nil {
		return err
	}
	router, err := handlers.NewRouter(handlers.RouterConfig{
		Subscriber: n.subscriber, Steps: n.steps, DeadLetters: inflight.NewDeadLetters(n.db), Logger: quiet{logger},
	})
	if err != nil {
		return err
	}
	n.worker, err = handlers.NewWorker(handlers.WorkerConfig{
		Node: n.member, Router: router, Subscriber: n.subscriber, Steps: n.steps,
		DrainTimeout: max(n.conf.DrainTimeout, time.Nanosecond), // 0 means no time here, and the default there
		Logger:       n.entry("worker"),
	})
	return err
}

func (n *Node) buildSteps() (*handlers.Steps, error) {
	seed := n.conf.Seed
	for seed == 0 {
		seed = rand.Uint64()
	}
	n.entry("worker").WithField("seed", seed).Info("work is simulated")
	simulated, err := handlers.NewSimulated(handlers.SimulatedConfig{
		StepDuration: n.conf.StepDuration, FailureRate: n.conf.StepFailureRate, Seed: seed,
	})
	if err != nil {
		return nil, err
	}
	executor, err := watched(simulated)
	if err != nil {
		return nil, err
	}
	return handlers.NewSteps(handlers.StepsConfig{
		Store: n.store, Executor: executor, Node: n.name,
		MaxInterruptions: n.conf.MaxInterruptions, StepTimeout: n.conf.StepTimeout, Held: n.holds, Logger: n.entry("worker"),
	})
}

// holds says whether the node may rely on a lease of its own.
func (n *Node) holds(l *work.Lease) bool {
	t, in := n.member.Tenure()
	return in && t.Epoch == l.Epoch
}

func (n *Node) buildProjector(context.Context) error {
	if !n.conf.has(roleProjector) {
		return nil
	}
	n.projector = projections.NewProjector(n.db, n.store.Follower(), projections.Options{
		OnPass:  n.applying.beat,
		OnError: func(err error) { n.entry("projector").WithError(err).Warn("the views are behind; trying again") },
	})
	n.store.OnCommit(func(int, int64) { n.projector.Wake() })
	return nil
}

// retention is what removes old rows; every node has one.
func (n *Node) retention() *retention.Sweeper {
	return retention.New(n.db, retention.Config{
		Keep: n.conf.Retention, Logger: n.entry("retention"),
	})
}

// quiet is a logger whose information is for debugging: Watermill's router tells of
// every handler that it adds, starts and stops.
type quiet struct{ watermill.LoggerAdapter }

// Info logs at debug level.
func (q quiet) Info(msg string, fields watermill.LogFields) { q.Debug(msg, fields) }

// With gives a logger that is as quiet.
func (q quiet) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return quiet{q.LoggerAdapter.With(fields)}
}
