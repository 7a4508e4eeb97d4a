package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/handlers"
	"orderflow/projections"
	"orderflow/schema"
	"orderflow/transport/httpapi"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// Node is one running process: what its parts share. Parts that its roles do not ask
// for are nil.
type Node struct {
	conf    Config
	name    string
	host    string
	started time.Time
	log     *logrus.Logger
	auth    *httpapi.Auth

	apiListener, adminListener net.Listener

	db         *schema.DB
	store      *eventstore.Store
	views      *projections.Views
	bell       *messaging.Bell
	member     *handlers.Node
	losses     *inflight.Losses
	steps      *handlers.Steps
	subscriber *messaging.Subscriber
	worker     *handlers.Worker
	placing    *handlers.Placing
	projector  *projections.Projector

	probe                   *probe
	surroundings            surroundings
	memory                  memory
	heart, claims, applying *pulse // of the heartbeat, the claim loop, the projector

	gate      *gate         // before all that works on orders
	suspected chan struct{} // a wish that the schema be looked at

	stopping context.Context // ends when the node is to stop
	stop     context.CancelFunc

	signals chan os.Signal // caught, for watchSignals
}

// New makes a node that is ready to run. If it fails, it leaves nothing open. From the beginning no
// signal ends the process; see Run.
func New(ctx context.Context, conf Config, log *logrus.Logger) (_ *Node, err error) {
	n := &Node{
		conf: conf, name: conf.NodeID, started: time.Now(), log: log, bell: &messaging.Bell{},
		signals: conf.catchSignals(), suspected: make(chan struct{}, 1),
	}
	n.heart, n.claims, n.applying = newPulse("the heartbeat"), newPulse("the claim loop"), newPulse("the projector")
	if n.name == "" {
		n.name = newNodeID()
	}
	if n.host, err = os.Hostname(); err != nil {
		n.host = "unknown"
	}
	n.stopping, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	for _, step := range []func(context.Context) error{n.tune, n.loadAuth, n.listen, n.openDatabase, n.openStore, n.requireReadable, n.findLostEnd, n.joinCluster, n.buildWorker, n.buildPlacing, n.buildProjector} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// Name is the name of the node in the cluster.
func (n *Node) Name() string { return n.name }

// Stop has the node drain and end.
func (n *Node) Stop() { n.stop() }

// Ready says why the node does not do what its roles say; nil if it does.
func (n *Node) Ready(ctx context.Context) error { return control{n}.Ready(ctx) }

// DB is the database.
func (n *Node) DB() *schema.DB { return n.db }

// Store is the event store.
func (n *Node) Store() *eventstore.Store { return n.store }

// Placing is what places orders.
func (n *Node) Placing() *handlers.Placing { return n.placing }

// Views are the views that customers see.
func (n *Node) Views() *projections.Views { return n.views }

// API is the URL of the customers' API; empty without the role.
func (n *Node) API() string {
	if n.apiListener == nil {
		return ""
	}
	return "http://" + n.apiListener.Addr().String()
}

// Admin is the URL of the admin interface.
func (n *Node) Admin() string { return "http://" + n.adminListener.Addr().String() }

func (n *Node) entry(part string) *logrus.Entry {
	return n.log.WithFields(logrus.Fields{"node": n.name, "part": part})
}

// tune bounds the memory of the process.
func (n *Node) tune(context.Context) error {
	dsn, err := schema.ParseDSN(n.conf.DSN)
	if err == nil {
		n.memory = tuneMemory(schema.Caches(dsn))
	}
	return err
}

func (n *Node) loadAuth(context.Context) (err error) {
	if n.auth, err = httpapi.LoadAuth(n.conf.AuthFile); err != nil {
		return fmt.Errorf("%w: --auth-file: %w", domain.ErrInvalid, err)
	}
	n.warnOfAuthFile()
	return nil
}

// warnOfAuthFile says so if every user of the machine can read the tokens.
func (n *Node) warnOfAuthFile() {
	const others = 0o004
	if info, err := os.Stat(n.conf.AuthFile); err == nil && info.Mode()&others != 0 {
		n.entry("node").WithField("file", n.conf.AuthFile).Warn("every user of this machine can read the tokens: chmod 600 the file")
	}
}

// listen takes the ports, before anything else is touched. They answer once the node
// runs.
func (n *Node) listen(ctx context.Context) (err error) {
	var config net.ListenConfig
	if n.conf.has(roleAPI) {
		if n.apiListener, err = config.Listen(ctx, "tcp", n.conf.Listen); err != nil {
			return fmt.Errorf("--listen %s: %w (another node? give another port, or port 0 for any)", n.conf.Listen, err)
		}
	}
	if n.adminListener, err = config.Listen(ctx, "tcp", n.conf.Admin); err != nil {
		return fmt.Errorf("--admin %s: %w (another node? give another port, or port 0 for any)", n.conf.Admin, err)
	}
	return nil
}

func (n *Node) openDatabase(ctx context.Context) (err error) {
	open := schema.Open
	if n.conf.NoMigrate {
		open = schema.OpenExisting
	}
	if n.db, err = open(ctx, n.conf.DSN); err != nil {
		return err
	}
	n.probe = &probe{do: n.probeDatabase, blocked: n.db.Blocked}
	if n.db.DSN().OthersCanRead() {
		n.entry("schema").Warnf("every user of this machine can read %s, and with it all orders: chmod 600 it, and the files -wal and -shm beside it", n.db.DSN().Path)
	}
	if err := n.migrate(ctx); err != nil {
		return err
	}
	n.warnOfDeviations(ctx)
	return n.db.JoinClock(ctx, func(note string) { n.entry("schema").Warn(note) })
}

func (n *Node) migrate(ctx context.Context) error {
	if n.conf.NoMigrate {
		return n.requireMigrated(ctx)
	}
	ran, err := n.db.Migrate(ctx)
	for _, m := range ran {
		n.entry("schema").WithField("file", m.File).Info("migration applied")
	}
	return err
}

// warnOfDeviations names what is not as the migrations made it. It keeps no node from starting:
// "orderflow check" says whether anything was done without the protection.
func (n *Node) warnOfDeviations(ctx context.Context) {
	found, err := n.db.Deviations(ctx)
	if err != nil {
		n.entry("schema").WithError(err).Warn("whether the triggers that protect events are there cannot be told")
	}
	for _, d := range found {
		n.entry("schema").WithField(d.Kind, d.Name).Warnf("the schema is not as it was made: %s; \"orderflow check\" looks for what may have been done", d)
	}
}

func (n *Node) requireMigrated(ctx context.Context) error {
	all, err := n.db.Migrations(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if !m.Applied {
			return fmt.Errorf("%s lacks the migration %s: run \"orderflow migrate\", or start without --no-migrate", n.db.DSN(), m.File)
		}
	}
	return nil
}

func (n *Node) openStore(ctx context.Context) (err error) {
	n.store, n.views, err = OpenStore(ctx, n.db, n.memory.remembered(), n.bell, messaging.NewLogrusAdapter(n.entry("outbox")))
	return err
}

// buildPlacing makes what places orders, on this node's own workers where they are free.
func (n *Node) buildPlacing(context.Context) (err error) {
	conf := handlers.PlacingConfig{Store: n.store, Node: n.name, Closed: n.gate.closed}
	if n.subscriber != nil {
		conf.Slots = n.subscriber
	}
	n.placing, err = handlers.NewPlacing(conf)
	return err
}

// Close closes what is open. Listeners that were served are closed already.
func (n *Node) Close() error {
	n.Stop()
	signal.Stop(n.signals)
	var errs []error
	for _, l := range []net.Listener{n.apiListener, n.adminListener} {
		if l != nil {
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if n.db != nil {
		errs = append(errs, n.db.Close())
	}
	return errors.Join(errs...)
}

// newNodeID gives a node a random name: a process that starts again is another node, so that
// what the earlier one left behind is seen as such. The name stands in what customers read, so it
// says nothing of the host, which the register of nodes has.
func newNodeID() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("node-%x", random)
}
