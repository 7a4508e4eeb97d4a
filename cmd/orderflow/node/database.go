package node

import (
	"context"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/handlers"
	"orderflow/projections"
	"orderflow/projections/tail"
	"orderflow/schema"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// returnDelay is how long an order whose step was interrupted waits for its next attempt.
const returnDelay = time.Second

// OpenStore opens the event store of a migrated database with its outbox and leases,
// and the views over it. It remembers so many bytes of events; 0 for the default.
func OpenStore(ctx context.Context, db *schema.DB, memory int64, bell *messaging.Bell, logger watermill.LoggerAdapter) (*eventstore.Store, *projections.Views, error) {
	store, err := eventstore.Open(ctx, db, eventstore.Options{
		Outbox: messaging.NewOutbox(bell, logger),
		Leases: inflight.Leases{ReturnDelay: returnDelay},
		Memory: int(memory),
	})
	if err != nil {
		return nil, nil, err
	}
	return store, projections.NewViews(db, store), nil
}

func (n *Node) openDatabase(ctx context.Context) (err error) {
	open, migrated := schema.Open, migrate
	if n.conf.NoMigrate {
		open, migrated = schema.OpenExisting, requireMigrated
	}
	if n.DB, err = open(ctx, n.conf.DSN); err != nil {
		return err
	}
	log := n.self.entry("schema")
	if n.DB.DSN().OthersCanRead() {
		log.Warnf("every user of this machine can read %s, and with it all orders: chmod 600 it, and the files -wal and -shm beside it", n.DB.DSN().Path)
	}
	if err := migrated(ctx, n.DB, log); err != nil {
		return err
	}
	warnOfDeviations(ctx, n.DB, log)
	return n.DB.JoinClock(ctx, func(note string) { log.Warn(note) })
}

func migrate(ctx context.Context, db *schema.DB, log *logrus.Entry) error {
	ran, err := db.Migrate(ctx)
	for _, m := range ran {
		log.WithField("file", m.File).Info("migration applied")
	}
	return err
}

func requireMigrated(ctx context.Context, db *schema.DB, _ *logrus.Entry) error {
	all, err := db.Migrations(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if !m.Applied {
			return fmt.Errorf("%s lacks the migration %s: run \"orderflow migrate\", or start without --no-migrate", db.DSN(), m.File)
		}
	}
	return nil
}

// warnOfDeviations names what is not as the migrations made it. It keeps no node from starting:
// "orderflow check" says whether anything was done without the protection.
func warnOfDeviations(ctx context.Context, db *schema.DB, log *logrus.Entry) {
	found, err := db.Deviations(ctx)
	if err != nil {
		log.WithError(err).Warn("whether the triggers that protect events are there cannot be told")
	}
	for _, d := range found {
		log.WithField(d.Kind, d.Name).Warnf("the schema is not as it was made: %s; \"orderflow check\" looks for what may have been done", d)
	}
}

// openStore refuses a database whose events may be in forms that this program does not read.
func (n *Node) openStore(ctx context.Context) (err error) {
	n.Store, n.Views, err = OpenStore(ctx, n.DB, n.memory.remembered(), n.bell, messaging.NewLogrusAdapter(n.self.entry("outbox")))
	if err != nil {
		return err
	}
	if level := n.Store.Level(); level > domain.EventLevel {
		return fmt.Errorf("%w: the events of %s are written at level %d, and it reads them up to level %d: run the newer version",
			domain.ErrNewer, n.DB.DSN(), level, domain.EventLevel)
	}
	return nil
}

// buildPlacing makes what places orders. It starts them on this node's own workers, if there are any.
func (n *Node) buildPlacing(context.Context) (err error) {
	conf := handlers.PlacingConfig{Store: n.Store, Node: n.self.name, Closed: n.gate.closed}
	if n.worker != nil {
		conf.Slots = n.worker.subscriber
	}
	n.Placing, err = handlers.NewPlacing(conf)
	return err
}

func (n *Node) buildProjector(context.Context) error {
	if !n.conf.has(roleProjector) {
		return nil
	}
	log := n.self.entry("projector")
	n.projector = tail.NewProjector(n.DB, n.Store.Follower(), tail.Config{
		OnRound: n.health.applying.beat,
		OnError: func(err error) { log.WithError(err).Warn("the views are behind; trying again") },
	})
	n.Store.OnCommit(func(int, int64) { n.projector.Wake() })
	return nil
}
