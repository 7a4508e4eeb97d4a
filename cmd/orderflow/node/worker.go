package node

import (
	"math/rand/v2"
	"os"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/domain/work"
	"orderflow/handlers"
	"orderflow/projections/tail"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// member is the node as the cluster knows it.
type member struct {
	*handlers.Node
	losses *inflight.Losses // of other nodes
}

// join makes the node's membership. busy is how many workers have work.
func (f *frame) join(busy func() int) (m member, err error) {
	m.losses = inflight.NewLosses(f.DB, inflight.LossesConfig{Every: f.conf.LeaseTTL / 2, Logger: f.self.entry("cluster")})
	m.Node, err = handlers.NewNode(handlers.NodeConfig{
		Info: work.Node{
			Node: f.self.name, Slots: f.conf.slots(), Host: f.self.host, PID: os.Getpid(), Version: f.self.version,
			Roles: f.conf.roles(), Admin: f.doors.admin.Addr().String(),
		},
		Registry:  inflight.NewNodes(f.DB).Carrying(f.meter.Window),
		Heartbeat: f.conf.Heartbeat,
		LeaseTTL:  f.conf.LeaseTTL,
		Busy:      busy,
		OnRenewal: f.health.heart.beat,
		Why:       f.DB.Blocked,
		Logger:    f.self.entry("member"),
	})
	return m, err
}

// trusts says whether the node may rely on a lease of its own.
func (m member) trusts(l work.Lease) bool {
	t, in := m.Tenure()
	return in && t.Epoch == l.Epoch
}

// worker is what works on orders.
type worker struct {
	subscriber *messaging.Subscriber // claims messages under the node's leases
	steps      *handlers.Steps       // handles them
	router     *handlers.Worker      // brings them there, and drains
}

// busy is how many workers have work.
func (w *worker) busy() int {
	if w == nil {
		return 0
	}
	return w.subscriber.Busy()
}

func (f *frame) newWorker(m member) (_ *worker, err error) {
	if !f.conf.has(roleWorker) {
		return nil, nil
	}
	w, logger := &worker{}, messaging.NewLogrusAdapter(f.self.entry("messaging"))
	w.subscriber, err = messaging.NewSubscriber(f.DB, messaging.Config{
		Slots: f.conf.Workers, Tenure: m.Tenure, AloneAfter: max(1, f.conf.MaxInterruptions-1), Held: f.wanted.held,
		Losses: m.losses,
		Bell:   f.bell, OnRound: f.health.claims.beat, Logger: f.self.entry("messaging"),
	})
	if err != nil {
		return nil, err
	}
	if w.steps, err = f.newSteps(m); err != nil {
		return nil, err
	}
	w.router, err = handlers.NewWorker(handlers.WorkerConfig{
		Node: m.Node, Subscriber: w.subscriber, Steps: w.steps, DeadLetters: inflight.NewDeadLetters(f.DB),
		DrainTimeout: max(f.conf.DrainTimeout, time.Nanosecond), // 0 means no time here, and the default there
		Logger:       f.self.entry("worker"), RouterLogger: quiet{logger},
	})
	return w, err
}

func (f *frame) newSteps(m member) (*handlers.Steps, error) {
	log, seed := f.self.entry("worker"), f.conf.Seed
	for seed == 0 {
		seed = rand.Uint64()
	}
	log.WithField("seed", seed).Info("work is simulated")
	simulated, err := handlers.NewSimulated(handlers.SimulatedConfig{
		StepDuration: f.conf.StepDuration, FailureRate: f.conf.StepFailureRate, Seed: seed,
	})
	if err != nil {
		return nil, err
	}
	executor, err := watched(simulated)
	if err != nil {
		return nil, err
	}
	return handlers.NewSteps(handlers.StepsConfig{
		Store: f.Store, Executor: executor, Node: f.self.name,
		MaxInterruptions: f.conf.MaxInterruptions, StepTimeout: f.conf.StepTimeout, Trusted: m.trusts, Observe: f.meter.Observe, Logger: log,
	})
}

// newPlacing makes what places orders. It starts them on this node's own workers, if there are any.
func (f *frame) newPlacing(w *worker) (*handlers.Placing, error) {
	conf := handlers.PlacingConfig{Store: f.Store, Node: f.self.name, Closed: f.gate.closed, Observe: f.meter.Observe}
	if w != nil {
		conf.Slots = w.subscriber
	}
	return handlers.NewPlacing(conf)
}

func (f *frame) newProjector() *tail.Projector {
	if !f.conf.has(roleProjector) {
		return nil
	}
	log := f.self.entry("projector")
	p := tail.NewProjector(f.DB, f.Store.Follower(), tail.Config{
		OnRound: f.health.applying.beat,
		OnError: func(err error) { log.WithError(err).Warn("the views are behind; trying again") },
	})
	f.Store.OnCommit(p.Wake)
	return p
}

// quiet is a logger whose information is for debugging: Watermill's router tells of
// every handler that it adds, starts and stops.
type quiet struct{ watermill.LoggerAdapter }

// Info logs at debug level.
func (q quiet) Info(msg string, fields watermill.LogFields) { q.Debug(msg, fields) }

// With keeps it quiet.
func (q quiet) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return quiet{q.LoggerAdapter.With(fields)}
}
