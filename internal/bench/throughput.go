package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"orderflow/domain"
	"orderflow/projections"
)

// eventsPerOrder is how many events an order has that completes at the first attempt.
const eventsPerOrder = 10

// The figures of the floor.
const (
	floorFigure     = "floor: raw inserts, 100 rows a transaction"
	floorThousand   = "floor: raw inserts, 1,000 rows a transaction"
	floorCPU        = "floor: processor time"
	floorBytes      = "floor: bytes on disk"
	ordersPerSecond = "orders/s"

	bytesWritten = "bytes written"
)

// throughput takes turns: floor, system, floor, system, ..., floor.
func (r *run) throughput(ctx context.Context, s *Section) error {
	if err := r.floors(ctx, s); err != nil {
		return err
	}
	err := r.repeat("throughput", func() error {
		bytes, err := r.fresh(ctx, NodeConfig{Workers: r.Workers}, func(n *Node) error {
			l, err := r.load(ctx, n, r.WarmUp, r.Orders)
			if err == nil {
				l.addTo(s, r.Orders)
			}
			return err
		})
		if err != nil {
			return err
		}
		if bytes > 0 {
			s.add("bytes on disk", "bytes/order", float64(bytes)/float64(r.WarmUp+r.Orders))
		}
		return r.floors(ctx, s)
	})
	s.compare(placedToCompleted, floorFigure)
	s.compare("processor time", floorCPU)
	s.compare("bytes on disk", floorBytes)
	s.goal(placedToCompleted, Goal{Value: 0.25, OfFloor: true})
	s.goal("processor time", Goal{AtMost: true, Value: 0.5})
	s.goal("transactions", Goal{AtMost: true, Value: 1000})
	return err
}

const placedToCompleted = "placed to completed"

// floors measures both floors once.
func (r *run) floors(ctx context.Context, s *Section) error {
	orders := float64(r.Orders)
	f, err := floor(ctx, r.scratch, r.Orders, 100)
	if err != nil {
		return err
	}
	s.add(floorFigure, ordersPerSecond, orders/f.took.Seconds())
	s.add(floorCPU, cpuUnit, f.cpu.Seconds()/orders*1000)
	if f.bytes > 0 {
		s.add(floorBytes, "bytes/order", float64(f.bytes)/orders)
	}
	if f, err = floor(ctx, r.scratch, r.Orders, 1000); err == nil {
		s.add(floorThousand, ordersPerSecond, orders/f.took.Seconds())
	}
	return err
}

// loaded is what one run of orders through a node came to.
type loaded struct {
	completed time.Duration // from the first call to the commit of the last OrderCompleted
	viewed    time.Duration // from then until the views showed it
	placing   []time.Duration
	used      usage // until the views showed it
	written   int64 // bytes; see written
}

func (l loaded) addTo(s *Section, orders int) {
	s.add(placedToCompleted, ordersPerSecond, float64(orders)/l.completed.Seconds())
	s.addUsage(l.used, orders)
	if l.written > 0 {
		s.add(bytesWritten, "bytes/order", float64(l.written)/float64(orders))
	}
	s.add("views behind at the end", "ms", milliseconds(l.viewed))
	s.addTimes(aCall, l.placing)
}

// load runs orders through a node that works on nothing else, those to warm up first.
func (r *run) load(ctx context.Context, n *Node, warmUp, orders int) (l loaded, err error) {
	place, done := r.place(n)
	defer done()
	w, err := watch(ctx, n.Store)
	if err != nil {
		return l, err
	}
	for _, count := range []int{warmUp, orders} {
		if l, err = w.load(ctx, n, r.Clients, count, func(ctx context.Context, i int) error {
			_, err := place(ctx, tracking(newID(time.Now()).String(), i), []byte(detail))
			return err
		}); err != nil {
			return l, err
		}
	}
	return l, nil
}

func (w *watcher) load(ctx context.Context, n *Node, callers, orders int, place func(context.Context, int) error) (l loaded, err error) {
	already, err := n.Views.Counts(ctx)
	if err != nil || orders == 0 {
		return l, err
	}
	total, _ := w.sum()
	writtenBefore := written(ctx, n.DB, os.Getpid())
	before := usageOf(n.DB)
	if l.placing, err = together(ctx, callers, orders, place); err != nil {
		return l, err
	}
	ended, err := w.await(ctx, total+int64(orders)*eventsPerOrder)
	if err != nil {
		return l, err
	}
	l.completed = ended.Sub(before.at)
	if err := completed(ctx, n.Views, already[domain.StatusCompleted]+int64(orders)); err != nil {
		return l, err
	}
	after := usageOf(n.DB)
	l.viewed, l.used, l.written = after.at.Sub(ended), after.since(before), written(ctx, n.DB, os.Getpid())-writtenBefore
	return l, nil
}

// completed waits until the views show that many orders completed.
func completed(ctx context.Context, views *projections.Views, want int64) error {
	const pause = 5 * time.Millisecond
	deadline := time.Now().Add(stalled)
	for {
		counts, err := views.Counts(ctx)
		if err != nil {
			return err
		}
		if counts[domain.StatusCompleted] >= want {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d orders have completed: %v", counts[domain.StatusCompleted], want, counts)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
