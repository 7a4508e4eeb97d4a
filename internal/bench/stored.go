package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/projections"
	"orderflow/schema"
)

const (
	// readers is how many callers read a large store, few enough that they do not wait for
	// each other.
	readers = 2
	// sampled is how many of the stored orders are read, again and again.
	sampled = 1000
)

// stored measures a node on a store of many orders, and beside it on an empty one.
func (r *run) stored(ctx context.Context, s *Section) error {
	dsn, err := r.storeFor(ctx, s)
	if err != nil {
		return err
	}
	err = r.repeat("stored", func() error {
		if err := r.costs(ctx, s, dsn); err != nil {
			return err
		}
		return r.readings(ctx, s, dsn)
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"processor time", placedToCompleted, "statements"} {
		s.compareAs(name+", many stored to none", name+manyStored, name+noneStored)
	}
	s.goal("processor time, many stored to none", Goal{AtMost: true, Value: 1.1})
	for _, name := range []string{"get", "list", "list by status", "list by tracking id", "list of a day's middle"} {
		s.goal(name+", p99", Goal{AtMost: true, Value: 5})
	}
	if r.Store == "" {
		return r.scratch.discard(dsn)
	}
	return nil
}

const (
	manyStored = ", many stored"
	noneStored = ", none stored"
)

// storeFor gives the store of many orders. It makes it if need be, and adds orders to one
// that has fewer.
func (r *run) storeFor(ctx context.Context, s *Section) (dsn string, err error) {
	if dsn = r.Store; dsn == "" {
		if dsn, err = r.scratch.database(ctx); err != nil {
			return "", err
		}
	} else if exists(dsn) {
		if err := madeHere(ctx, dsn); err != nil {
			return "", err
		}
	}
	r.Progress("stored: generating %d orders", r.SeedOrders)
	begun := time.Now()
	err = r.seeded(ctx, dsn, r.SeedOrders, func(db *schema.DB, store *eventstore.Store, events int64) error {
		if events > 0 {
			s.add("generated", eventsPerSecond, float64(events)/since(begun))
		}
		begun, behind := time.Now(), int64(0)
		all, err := projections.Statuses(ctx, db, store)
		if err != nil {
			return err
		}
		for _, p := range all {
			behind += p.Lag
		}
		// Not a rebuild, which would make all of them anew.
		if err := project(ctx, db, store); err != nil {
			return err
		}
		if events > 0 {
			s.add("catch-up of the projector", eventsPerSecond, float64(behind)/since(begun))
		}
		var orders int64
		err = db.QueryRowContext(ctx, `SELECT COUNT(*) FROM orders`).Scan(&orders)
		s.add("orders", "", float64(orders))
		return db.Translate(err)
	})
	if err == nil {
		s.add("file", "MB", megabytes(r.scratch.size(dsn)))
	}
	return dsn, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return path != "" && err == nil
}

// madeHere refuses a store whose first order was not generated here.
func madeHere(ctx context.Context, dsn string) (err error) {
	db, store, err := openLog(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	events, err := store.ReadLog(ctx, 0, 0, 1)
	if err != nil {
		return err
	}
	if len(events) == 1 {
		if placed, first := events[0].Event.(domain.OrderPlaced); first && placed.TrackingID == tracking("seed", 0) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s was not made by this benchmark: name another file, which it makes", domain.ErrInvalid, dsn)
}

// costs measures the same orders on an empty store, on the one of many, and on an empty one.
func (r *run) costs(ctx context.Context, s *Section, many string) error {
	for _, which := range []string{noneStored, manyStored, noneStored} {
		measure := func(n *Node) error {
			l, err := r.load(ctx, n, r.WarmUp, r.Orders)
			if err != nil {
				return err
			}
			s.add(placedToCompleted+which, ordersPerSecond, float64(r.Orders)/l.completed.Seconds())
			s.add("processor time"+which, cpuUnit, l.used.cpu.Seconds()/float64(r.Orders)*1000)
			s.add("statements"+which, "1/1,000 orders", float64(l.used.db.Statements)/float64(r.Orders)*1000)
			return nil
		}
		var err error
		if which == manyStored {
			err = r.node(ctx, NodeConfig{DSN: many, Workers: r.Workers}, measure)
		} else {
			_, err = r.fresh(ctx, NodeConfig{Workers: r.Workers}, measure)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readings measures reading from a node that is a process of its own, and its memory.
func (r *run) readings(ctx context.Context, s *Section, dsn string) error {
	ids, middle, err := sample(ctx, dsn)
	if err != nil {
		return err
	}
	return r.process(ctx, NodeConfig{DSN: dsn, Workers: r.Workers}, func(p *Process) error {
		if err := sleep(ctx, settling); err != nil {
			return err
		}
		atRest, _, err := processMemory(p.PID)
		if err != nil {
			return err
		}
		c := newClient(p.URL, readers)
		defer c.close()
		for _, read := range []struct{ name, path string }{
			{"get", ""},
			{"list", "/v1/orders?limit=50"},
			{"list by status", "/v1/orders?limit=50&status=Failed"},
			{"list by tracking id", "/v1/orders?limit=50&tracking_id=" + tracking("seed", 0)},
			{"list of a day's middle", "/v1/orders?limit=50&placed_before=" + url.QueryEscape(middle.Format(time.RFC3339Nano))},
		} {
			took, err := together(ctx, readers, max(r.Orders/5, 1), func(ctx context.Context, _ int) error {
				if read.path == "" {
					return c.get(ctx, "/v1/orders/"+ids[rand.IntN(len(ids))].String())
				}
				return c.get(ctx, read.path)
			})
			if err != nil {
				return err
			}
			s.addTimes(read.name, took)
		}
		_, most, err := processMemory(p.PID)
		s.add("memory at rest", "MB", megabytes(atRest))
		s.add("memory at most, of reading", "MB", megabytes(most))
		return err
	})
}

// sample gives orders from all over a store, and the time at which one in its middle was
// placed.
func sample(ctx context.Context, dsn string) (ids []domain.OrderID, middle time.Time, err error) {
	db, err := schema.Open(ctx, dsn)
	if err != nil {
		return nil, middle, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var first, last []byte
	for end, direction := range map[*[]byte]string{&first: "ASC", &last: "DESC"} {
		err := db.QueryRowContext(ctx, `SELECT order_id FROM orders ORDER BY order_id `+direction+` `+db.Dialect().Limit("?1"), 1).Scan(end)
		if err != nil {
			return nil, middle, fmt.Errorf("find the first and last order (is the store a whole one?): %w", db.Translate(err))
		}
	}
	// Ids begin with the time: random ones between the ends lie all over the orders.
	low, high := binary.BigEndian.Uint64(first), binary.BigEndian.Uint64(last)
	for range sampled {
		var near, id []byte
		near = binary.BigEndian.AppendUint64(near, low+rand.Uint64N(high-low+1))
		near = append(near, make([]byte, 8)...)
		err := db.QueryRowContext(ctx, `SELECT order_id FROM orders WHERE order_id <= ?1 ORDER BY order_id DESC `+db.Dialect().Limit("?2"), near, 1).Scan(&id)
		if err != nil {
			id = first // there is none before it
		}
		ids = append(ids, domain.OrderID(id))
	}
	var at schema.Time
	err = db.QueryRowContext(ctx, `SELECT placed_at FROM orders WHERE order_id = ?1`, ids[0][:]).Scan(&at)
	return ids, at.Time, db.Translate(err)
}
