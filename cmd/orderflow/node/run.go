package node

import (
	"context"
	"net/http"

	"github.com/oklog/run"
	"github.com/sirupsen/logrus"

	"orderflow/projections/cluster"
	"orderflow/transport/httpapi"
	"orderflow/transport/messaging/inflight"
	"orderflow/transport/messaging/retention"
)

// part is one thing that a node does as long as it runs.
type part struct {
	name  string
	run   func(context.Context) error // until its context ends
	waits bool                        // until the gate is open
}

// parts are what the node does beside working on orders and answering.
func (n *Node) parts() []part {
	heartbeat, reload := n.conf.Heartbeat, n.doors.reloadAuth
	if n.conf.AuthFile == "" {
		reload = nil
	}
	all := []part{
		{name: "signals", run: n.life.watch(n.self.entry("node"), reload)},
		{name: "gate", run: every(heartbeat, n.gate.look)},
		{name: "schema", run: every(heartbeat, n.schema.look)},
		{name: "history", run: every(heartbeat, func(ctx context.Context) {
			_ = n.Store.CheckHistory(ctx) // others report what keeps it from looking
			n.lost.raise(ctx)
		})},
		{name: "levels", run: n.followLevels},
		{name: "controls", run: n.followControls},
		{name: "losses", run: n.member.losses.Run},
		{name: "cluster", run: every(clusterEvery, n.health.cluster.look)},
		{name: "measures", run: n.measures().run},
		n.duty(cluster.FigureQueues, cluster.QueuesEvery, n.survey()),
		{name: "memory", run: every(memoryEvery, n.memory.look())},
		{name: "retention", run: n.retention().Run, waits: true},
		{name: "doubts", run: n.sayDoubts, waits: true},
		n.duty("surveys", surveyEvery, n.surveys.pass),
	}
	all = append(all, n.jobs())
	if n.projector != nil {
		all = append(all, part{name: "projector", run: n.projector.Run, waits: true})
	}
	if n.conf.WatchdogEvery > 0 {
		all = append(all, n.duty("watchdog", n.conf.WatchdogEvery, n.watchdog.round))
	}
	if wal := n.DB.WAL(); wal != nil {
		all = append(all, part{name: "wal", run: every(walEvery, (&walKeeper{wal: wal, log: n.self.entry("wal")}).look)})
	}
	return all
}

// survey is what a node does that has the duty of looking at the queues.
func (n *Node) survey() func(context.Context) error {
	s := cluster.NewSurveyor(n.DB, inflight.Workers)
	return func(ctx context.Context) error { return s.Pass(ctx, n.self.name) }
}

// retention is what removes old rows; every node has one.
func (n *Node) retention() *retention.Sweeper {
	return retention.New(n.DB, retention.Config{Keep: n.conf.Retention, Logger: n.self.entry("retention")})
}

// Run runs the node's parts until the node is told to stop, or one of them fails. When one ends, all end.
// The worker ends first, after draining, so that the rest still answers meanwhile.
func (n *Node) Run(ctx context.Context) error {
	var group run.Group
	work := n.member.Run
	if n.worker != nil {
		work = n.worker.router.Run
	}
	work = n.gate.behind(work)
	group.Add(func() error { return work(n.life.stopping) }, func(error) { n.Stop() })
	for _, p := range n.parts() {
		if p.waits {
			p.run = n.gate.behind(p.run)
		}
		ctx, cancel := context.WithCancel(ctx)
		group.Add(func() error {
			defer n.self.entry("node").WithField("ended", p.name).Debug("a part of the node has ended")
			return p.run(ctx)
		}, func(error) { cancel() })
	}
	if n.doors.api != nil {
		group.Add(serve(n.doors.api, n.api()))
	}
	group.Add(serve(n.doors.admin, httpapi.NewAdmin(httpapi.AdminConfig{
		Node: control{n}, Orders: n.Views, Lists: n.Views, History: n.Store, Diagnoses: Diagnoses{DB: n.DB, Store: n.Store}, Cluster: n.status, Levers: LeversOf(n.DB), OrderLevers: orderLevers(n.DB, n.Store, n.meter.Observe), Surveys: n.surveys, Alarms: AlarmsOf(n.DB),
		Jobs: JobsOf(n.DB, n.Store, n.Views), DeadLetters: Letters{DB: n.DB, Store: n.Store},
		Auth: n.doors.auth, AllowedHosts: n.conf.AllowedHosts, Logger: n.self.entry("admin"),
	})))
	if err := n.announce(); err != nil {
		return err
	}
	return group.Run()
}

// api is the customers' API.
func (n *Node) api() http.Handler {
	return httpapi.NewAPI(httpapi.APIConfig{
		Placer: n.Placing, Views: n.Views, History: n.Store, Auth: n.doors.auth, AllowedHosts: n.conf.AllowedHosts,
		InHand: n.memory.inHand(), Logger: n.self.entry("api"),
	})
}

// announce says what the node is and where it listens. Connections are taken from now on, and
// answered as soon as the servers run.
func (n *Node) announce() error {
	a := n.Addresses()
	entry := n.self.entry("node").WithFields(logrus.Fields{
		"version": n.self.version, "roles": n.conf.roles(), "workers": n.conf.slots(), "lease": n.conf.LeaseTTL.String(),
		"database": n.DB.DSN().String(), "admin": a.AdminURL(),
	})
	if a.Listen != "" {
		entry = entry.WithField("api", a.API())
	}
	entry.Info("listening")
	if n.conf.AddrFile == "" {
		return nil
	}
	return a.Write(n.conf.AddrFile)
}
