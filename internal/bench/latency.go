package bench

import (
	"context"
	"fmt"
	"time"

	"orderflow/domain"
)

// The figures of the latency of an order.
const (
	aCall       = "a call to place"
	toStarted   = "placed to started"
	stepToStep  = "step to step"
	toCompleted = "placed to completed"
)

// latency places orders at a steady, low rate and measures how long they take, and how long the floor
// takes before and after.
func (r *run) latency(ctx context.Context, s *Section) error {
	err := r.repeat(fmt.Sprintf("latency, %d orders at %g a second", r.LightOrders, r.Rate), func() error {
		half := (r.LightOrders + 1) / 2
		before, err := lightFloor(ctx, r.scratch, r.Rate, half)
		if err != nil {
			return err
		}
		if _, err := r.fresh(ctx, NodeConfig{Workers: r.Workers}, func(n *Node) error { return r.light(ctx, n, s) }); err != nil {
			return err
		}
		after, err := lightFloor(ctx, r.scratch, r.Rate, half)
		s.addTimes(lightFloorFigure, append(before, after...))
		return err
	})
	s.compare(toCompleted+", p50", lightFloorFigure+", p50")
	s.compare(toCompleted+", p99", lightFloorFigure+", p99")
	s.goal(toCompleted+", p50", Goal{AtMost: true, Value: 3.5})
	s.goal(toCompleted+", p99", Goal{AtMost: true, Value: 6})
	s.goal(toStarted+", p99", Goal{AtMost: true, Value: 5})
	return err
}

// light measures orders at light load on a node.
func (r *run) light(ctx context.Context, n *Node, s *Section) error {
	if _, err := r.load(ctx, n, 0, r.WarmUp); err != nil {
		return err
	}
	place, done := r.place(n)
	defer done()
	w, err := watch(ctx, n.Store)
	if err != nil {
		return err
	}
	total, _ := w.sum()
	ids := make([]domain.OrderID, r.LightOrders)
	before := usageOf(n.DB)
	begun, took, err := steadily(ctx, r.Rate, len(ids), func(ctx context.Context, i int) (err error) {
		ids[i], err = place(ctx, tracking(newID(time.Now()).String(), i), []byte(detail))
		return err
	})
	if err != nil {
		return err
	}
	if _, err := w.await(ctx, total+int64(len(ids))*eventsPerOrder); err != nil {
		return err
	}
	used := usageOf(n.DB).since(before)
	s.addTimes(aCall, took)
	if err := w.ways(ctx, n, s, ids, begun); err != nil {
		return err
	}
	s.addUsage(used, len(ids))
	return nil
}

// ways measures the ways of orders from the calls that placed them.
func (w *watcher) ways(ctx context.Context, n *Node, s *Section, ids []domain.OrderID, begun []time.Time) error {
	var started, between, ended []time.Duration
	for i, id := range ids {
		events, err := n.Store.Load(ctx, id)
		if err != nil {
			return err
		}
		var last time.Time // when the step before was completed
		for _, e := range events {
			at := w.visible(e)
			switch e.Event.(type) {
			case domain.StepStarted:
				if last.IsZero() {
					started = append(started, at.Sub(begun[i]))
				} else {
					between = append(between, at.Sub(last))
				}
			case domain.StepCompleted:
				last = at
			case domain.OrderCompleted:
				ended = append(ended, at.Sub(begun[i]))
			}
		}
	}
	if len(ended) != len(ids) {
		return fmt.Errorf("%d of %d orders have completed", len(ended), len(ids))
	}
	s.addTimes(toStarted, started)
	s.addTimes(stepToStep, between)
	s.addTimes(toCompleted, ended)
	return nil
}
