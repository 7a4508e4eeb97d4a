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
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// member is the node as the cluster knows it.
type member struct {
	*handlers.Node
	losses *inflight.Losses // of other nodes
}

// join makes the node's membership.
func (n *Node) join(context.Context) (err error) {
	n.member.losses = inflight.NewLosses(n.DB, inflight.LossesConfig{Every: n.conf.LeaseTTL / 2, Logger: n.self.entry("cluster")})
	n.member.Node, err = handlers.NewNode(handlers.NodeConfig{
		Info: work.Node{
			Node: n.self.name, Slots: n.conf.slots(), Host: n.self.host, PID: os.Getpid(), Version: n.self.version,
			Roles: n.conf.roles(), Admin: n.Addresses().Admin,
		},
		Registry:  inflight.NewNodes(n.DB),
		Heartbeat: n.conf.Heartbeat,
		LeaseTTL:  n.conf.LeaseTTL,
		Busy:      n.busy,
		OnRenewal: n.health.heart.beat,
		Why:       n.DB.Blocked,
		Logger:    n.self.entry("member"),
	})
	if err == nil {
		n.Store.OnOtherHistory(n.startOver)
	}
	return err
}

// startOver is what the node does when the database is not the one that it knows.
func (n *Node) startOver(h eventstore.OtherHistory) {
	n.self.entry("store").WithFields(logrus.Fields{"partition": h.Partition, "position": h.Position}).Error(
		"THE DATABASE HOLDS ANOTHER HISTORY than this node has seen: an event that was committed is not there. Was a backup restored under running nodes? " +
			"The node forgets all that it remembers and registers anew. Run \"orderflow check\"")
	n.schema.suspect()
	n.member.Reregister()
}

// busy is how many workers have work.
func (n *Node) busy() int {
	if n.worker == nil {
		return 0
	}
	return n.worker.subscriber.Busy()
}

// holds says whether the node may rely on a lease of its own.
func (m member) holds(l work.Lease) bool {
	t, in := m.Tenure()
	return in && t.Epoch == l.Epoch
}

// worker is what works on orders.
type worker struct {
	subscriber *messaging.Subscriber // claims messages under the node's leases
	steps      *handlers.Steps       // handles them
	router     *handlers.Worker      // brings them there, and drains
}

func (n *Node) buildWorker(context.Context) (err error) {
	if !n.conf.has(roleWorker) {
		return nil
	}
	w, logger := &worker{}, messaging.NewLogrusAdapter(n.self.entry("messaging"))
	n.worker = w
	w.subscriber, err = messaging.NewSubscriber(n.DB, messaging.Config{
		Slots: n.conf.Workers, Tenure: n.member.Tenure, AloneAfter: max(1, n.conf.MaxInterruptions-1), Losses: n.member.losses,
		Bell: n.bell, OnRound: n.health.claims.beat, Logger: logger,
	})
	if err != nil {
		return err
	}
	if w.steps, err = n.buildSteps(n.self.entry("worker")); err != nil {
		return err
	}
	router, err := handlers.NewRouter(handlers.RouterConfig{
		Subscriber: w.subscriber, Steps: w.steps, DeadLetters: inflight.NewDeadLetters(n.DB), Logger: quiet{logger},
	})
	if err != nil {
		return err
	}
	w.router, err = handlers.NewWorker(handlers.WorkerConfig{
		Node: n.member.Node, Router: router, Subscriber: w.subscriber, Steps: w.steps,
		DrainTimeout: max(n.conf.DrainTimeout, time.Nanosecond), // 0 means no time here, and the default there
		Logger:       n.self.entry("worker"),
	})
	return err
}

func (n *Node) buildSteps(log *logrus.Entry) (*handlers.Steps, error) {
	seed := n.conf.Seed
	for seed == 0 {
		seed = rand.Uint64()
	}
	log.WithField("seed", seed).Info("work is simulated")
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
		Store: n.Store, Executor: executor, Node: n.self.name,
		MaxInterruptions: n.conf.MaxInterruptions, StepTimeout: n.conf.StepTimeout, Held: n.member.holds, Logger: log,
	})
}

// quiet is a logger whose information is for debugging: Watermill's router tells of
// every handler that it adds, starts and stops.
type quiet struct{ watermill.LoggerAdapter }

// Info logs at debug level.
func (q quiet) Info(msg string, fields watermill.LogFields) { q.Debug(msg, fields) }
