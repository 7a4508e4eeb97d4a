package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/eventstore"
	"orderflow/handlers"
	"orderflow/projections"
	"orderflow/projections/tail"
	"orderflow/schema"
	"orderflow/transport/messaging"
)

// Node is one running process. Parts that its roles do not ask for are nil.
type Node struct {
	Orders
	conf      Config
	self      self
	life      life
	memory    memory
	doors     doors
	gate      *gate  // closed while no order may be taken or worked on
	schema    *guard // closes the gate while the schema is too old
	member    member // of the cluster; the leases are its
	worker    *worker
	projector *tail.Projector
	health    health
}

// Orders is where a node keeps orders, and what places them.
type Orders struct {
	DB      *schema.DB
	Store   *eventstore.Store
	Views   *projections.Views
	Placing *handlers.Placing // places orders, and starts them here if a worker is free
	bell    *messaging.Bell   // rung for each message that was appended
}

// self is what a node says of itself.
type self struct {
	name, host, version string
	started             time.Time
	log                 *logrus.Logger
}

// entry is the log of one part of the node.
func (s self) entry(part string) *logrus.Entry {
	return s.log.WithFields(logrus.Fields{"node": s.name, "part": part})
}

// New makes a node that is ready to run. If it fails, it leaves nothing open. From the beginning no
// signal ends the process; see Run.
func New(ctx context.Context, conf Config, log *logrus.Logger) (_ *Node, err error) {
	n := &Node{Orders: Orders{bell: &messaging.Bell{}}, conf: conf, self: newSelf(conf, log), life: begin(ctx, conf)}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	// Each step needs those before it.
	for _, step := range []func(context.Context) error{
		n.boundMemory, n.open, n.openDatabase, n.openStore, n.buildGate, n.buildHealth, n.join, n.buildWorker, n.buildPlacing, n.buildProjector,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func newSelf(conf Config, log *logrus.Logger) self {
	s := self{name: conf.NodeID, host: "unknown", version: conf.Version, started: time.Now(), log: log}
	if s.name == "" {
		s.name = newName()
	}
	if host, err := os.Hostname(); err == nil {
		s.host = host
	}
	return s
}

// newName gives a node a random name: a process that starts again is another node, so that what the
// earlier one left behind is seen as such. The name stands in what customers read, so it says nothing
// of the host, which the register of nodes has.
func newName() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("node-%x", random)
}

// Name is the name of the node in the cluster.
func (n *Node) Name() string { return n.self.name }

// Ready says why the node does not do what its roles say; nil if it does.
func (n *Node) Ready(ctx context.Context) error { return control{n}.Ready(ctx) }

// Stop has the node drain and end.
func (n *Node) Stop() { n.life.stop() }

// Close closes what is open. Listeners that were served are closed already.
func (n *Node) Close() error {
	n.life.end()
	err := n.doors.close()
	if n.DB != nil {
		err = errors.Join(err, n.DB.Close())
	}
	return err
}

// boundMemory bounds the memory of the process.
func (n *Node) boundMemory(context.Context) error {
	dsn, err := schema.ParseDSN(n.conf.DSN)
	if err == nil {
		n.memory = tuneMemory(schema.Caches(dsn))
	}
	return err
}
