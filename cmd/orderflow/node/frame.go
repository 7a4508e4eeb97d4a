package node

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/projections/cluster"
	"orderflow/schema"
)

// frame is what all parts of a node are built on.
type frame struct {
	Orders
	conf   Config
	self   self
	memory memory
	doors  doors
	gate   *gate  // closed while no order may be taken or worked on
	schema *guard // closes the gate while the schema is too old
	health health
	wanted *wanted         // by operators
	meter  *cluster.Meter  // counts what this node records
	status *cluster.Reader // adds up what all nodes have counted
}

// newFrame opens everything that a node needs. The caller must close the frame, also after an error.
func newFrame(ctx context.Context, conf Config, log *logrus.Logger) (f frame, err error) {
	f.conf, f.self, f.meter = conf, newSelf(conf, log), cluster.NewMeter()
	dsn, err := schema.ParseDSN(conf.DSN)
	if err != nil {
		return f, err
	}
	f.memory = tuneMemory(schema.Caches(dsn))
	if f.doors, err = openDoors(ctx, conf, f.self.entry("node")); err != nil {
		return f, err
	}
	if f.Orders, err = openOrders(ctx, conf, f.memory, f.self); err != nil {
		return f, err
	}
	if f.gate, err = newGate(ctx, f.DB, f.self.entry("node")); err != nil {
		return f, err
	}
	f.schema = &guard{db: f.DB, gate: f.gate, log: f.self.entry("schema")}
	f.health = newHealth(f.Orders, f.schema, f.self)
	f.wanted = newWanted(ctx, f.schema, f.self)
	f.status = newClusterReader(f.DB, f.wanted.known, troubles{f.DB, f.gate, f.health.heart, f.health.probe}, time.Second, conf.Retention)
	return f, nil
}

func (f *frame) close() error {
	err := f.doors.close()
	if f.DB != nil {
		err = errors.Join(err, f.DB.Close())
	}
	return err
}
