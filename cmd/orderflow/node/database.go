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
	"orderflow/schema"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// Orders are a node's database, event store and views, and the use case that places orders.
type Orders struct {
	DB      *schema.DB
	Store   *eventstore.Store
	Views   *projections.Views
	Placing *handlers.Placing // places orders, and starts them here if a worker is free
	bell    *messaging.Bell   // rung for each message that was appended
}

// returnDelay is how long an order whose step was interrupted waits for its next attempt.
const returnDelay = time.Second

// OpenStore opens the event store of a migrated database with its outbox and leases,
// and the views over it. It remembers so many bytes of events; 0 for the default.
func OpenStore(ctx context.Context, db *schema.DB, memory int64, bell *messaging.Bell, logger watermill.LoggerAdapter) (*eventstore.Store, *projections.Views, error) {
	store, err := eventstore.Open(ctx, db, eventstore.Config{
		Outbox: messaging.NewOutbox(bell, logger),
		Leases: inflight.Leases{ReturnDelay: returnDelay},
		Memory: int(memory),
	})
	if err != nil {
		return nil, nil, err
	}
	return store, projections.NewViews(db, store), nil
}

// openOrders brings the database up to date and opens what is in it. It refuses one whose events may be in
// forms that this program does not read.
func openOrders(ctx context.Context, conf Config, m memory, self self) (o Orders, err error) {
	o.bell = &messaging.Bell{}
	if o.DB, err = openDatabase(ctx, conf, self.entry("schema")); err != nil {
		return o, err
	}
	o.Store, o.Views, err = OpenStore(ctx, o.DB, m.remembered(), o.bell, messaging.NewLogrusAdapter(self.entry("outbox")))
	if err != nil {
		return o, err
	}
	if level := o.Store.Level(); level > domain.EventLevel {
		return o, fmt.Errorf("%w: the events of %s are written at level %d, and it reads them up to level %d: run the newer version",
			domain.ErrNewer, o.DB.DSN(), level, domain.EventLevel)
	}
	return o, nil
}

// openDatabase gives the database along with an error, if it could be opened.
func openDatabase(ctx context.Context, conf Config, log *logrus.Entry) (*schema.DB, error) {
	open, migrated := schema.Open, migrate
	if conf.NoMigrate {
		open, migrated = schema.OpenExisting, requireMigrated
	}
	db, err := open(ctx, conf.DSN)
	if err != nil {
		return nil, err
	}
	if db.DSN().OthersCanRead() {
		log.Warnf("every user of this machine can read %s, and with it all orders: chmod 600 it, and the files -wal and -shm beside it", db.DSN().Path)
	}
	if err := migrated(ctx, db, log); err != nil {
		return db, err
	}
	warnOfDeviations(ctx, db, log)
	err = db.JoinClock(ctx, func(note string) { log.Warn(note) })
	return db, err
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

// warnOfDeviations logs where the schema is not as the migrations made it. It keeps no node from starting:
// "orderflow check" finds changes that were made without the protection of the schema.
func warnOfDeviations(ctx context.Context, db *schema.DB, log *logrus.Entry) {
	found, err := db.Deviations(ctx)
	if err != nil {
		log.WithError(err).Warn("whether the triggers that protect events are there cannot be told")
	}
	for _, d := range found {
		log.WithField(d.Kind, d.Name).Warnf("the schema is not as it was made: %s; \"orderflow check\" looks for what may have been done", d)
	}
}
