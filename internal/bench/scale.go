package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
)

// The figures of a point that others are made of.
const (
	shareOfIdeal      = "share of ideal"
	ordersDone        = "orders"
	ordersIdeal       = "orders, ideal"
	statementsOfOrder = "statements"
	roundTripsOfOrder = "round trips"
	registrationsLost = "registrations lost"
)

// ideal is how many orders a second there are when every worker is always at a step.
func (p Point) ideal() float64 {
	return float64(p.Nodes*p.Workers) / p.StepDuration.Seconds() / domain.StepCount
}

// scale has steps that take their time, on nodes that are processes, and more orders
// than they can do.
func (r *run) scale(ctx context.Context, s *Section) error {
	for _, nodes := range r.Nodes {
		p := Point{Nodes: nodes, Workers: r.Workers, StepDuration: r.StepDuration}
		if earlier := r.measured(p); earlier != nil {
			s.Points = append(s.Points, *earlier)
			continue
		}
		for i := range r.Repeat {
			r.Progress("scale: %d nodes, run %d of %d", nodes, i+1, r.Repeat)
			if err := (&pointRun{r, &p}).once(ctx); err != nil {
				return fmt.Errorf("%d nodes: %w", nodes, err)
			}
		}
		p.goals()
		s.Points = append(s.Points, p)
	}
	s.flat()
	return nil
}

// measured is a point that an earlier run has, of the same database, workers and steps.
func (r *run) measured(p Point) *Point {
	for _, report := range r.Earlier {
		if report.Machine.Database != r.database {
			continue
		}
		for _, s := range report.Sections {
			i := slices.IndexFunc(s.Points, func(e Point) bool {
				return e.Nodes == p.Nodes && e.Workers == p.Workers && e.StepDuration == p.StepDuration
			})
			if i >= 0 {
				return &s.Points[i]
			}
		}
	}
	return nil
}

func (p *Point) goals() {
	goal := 0.95
	if p.Nodes <= 16 {
		goal = 0.98
	}
	p.goal(shareOfIdeal, Goal{Value: goal})
	p.goal(registrationsLost, Goal{AtMost: true})
}

// flat compares what an order costs at all points.
func (s *Section) flat() {
	for _, of := range []string{statementsOfOrder, roundTripsOfOrder} {
		var each []float64
		for _, p := range s.Points {
			if f := p.figure(of); f != nil {
				each = append(each, f.Value)
			}
		}
		if len(each) < 2 || slices.Min(each) == 0 {
			continue
		}
		name := of + " of an order, most to least"
		s.add(name, "", slices.Max(each)/slices.Min(each))
		s.goal(name, Goal{AtMost: true, Value: 1.15})
	}
}

// pointRun measures a point once.
type pointRun struct {
	*run
	*Point
}

func (r *pointRun) once(ctx context.Context) (err error) {
	dsn, err := r.scratch.database(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.scratch.discard(dsn)) }()
	backlog := r.backlog()
	if err := r.placeAll(ctx, dsn, backlog); err != nil {
		return err
	}
	db, store, err := openLog(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	heads, err := store.Heads(ctx)
	if err != nil {
		return err
	}
	w, err := r.work(ctx, dsn, db, r.Point.Nodes)
	if err != nil {
		return err
	}
	l := stepLog{
		workers: r.Point.Workers, duration: r.Point.StepDuration, from: w.from, to: w.to, lost: w.lost, lostAt: w.lostAt, nodes: map[string]*nodeSteps{},
	}
	if err := l.read(ctx, store, heads); err != nil {
		return err
	}
	if l.begun >= backlog {
		return fmt.Errorf("all %d orders had been begun before the time was over", backlog)
	}
	r.addRun(w, l)
	return nil
}

// backlog is how many orders nodes cannot all begin while they are started, fill up, are
// measured and drain, with a quarter to spare.
func (r *pointRun) backlog() int {
	const starting = 400 * time.Millisecond // a node
	all := time.Duration(r.Point.Nodes)*starting + 2*settled + time.Duration(r.Rounds+filling+3)*r.Point.StepDuration
	return int(1.25*all.Seconds()*r.ideal()) + r.Point.Nodes*r.Point.Workers
}

// placeAll places orders on a new database, and waits until its views show them. What
// that costs is no part of the figures.
func (r *pointRun) placeAll(ctx context.Context, dsn string, n int) error {
	r.Progress("scale: placing %d orders", n)
	return r.node(ctx, NodeConfig{DSN: dsn, Roles: []string{roleAPI, roleProjector}}, func(node *Node) error {
		place, done := r.place(node)
		defer done()
		_, err := together(ctx, r.Clients, n, func(ctx context.Context, i int) error {
			_, err := place(ctx, tracking("scale", i), []byte(detail))
			return err
		})
		if err != nil {
			return err
		}
		return caughtUp(ctx, node)
	})
}

// addRun adds what one run came to.
func (p *Point) addRun(w worked, l stepLog) {
	window := w.to.Sub(w.from).Seconds()
	steps := l.busy.Seconds() / p.StepDuration.Seconds()
	orders, share := steps/domain.StepCount, l.busy.Seconds()/window/float64(p.Nodes*p.Workers)
	p.add(shareOfIdeal, "", share)
	p.add("steps", "steps/s", steps/window)
	p.add(ordersDone, ordersPerSecond, orders/window)
	p.add(ordersIdeal, ordersPerSecond, p.ideal())
	if orders == 0 {
		return
	}
	p.add("a worker between two steps, mean", "ms", milliseconds(p.StepDuration)*(1/share-1))
	p.addTimes("free slot to next start", l.waits)
	p.add(statementsOfOrder, "1/order", float64(w.Statements)/orders)
	p.add("transactions", "1/order", float64(w.Transactions)/orders)
	if w.RoundTrips > 0 {
		p.add(roundTripsOfOrder, "1/order", float64(w.RoundTrips)/orders)
	}
	p.add("transactions, all nodes", "1/s", float64(w.Transactions)/window)
	p.add("transactions wait to begin, each", "ms", milliseconds(w.Waited)/float64(w.Transactions))
	p.add("transactions open, all nodes", "s/s", w.Open.Seconds()/window)
	p.add("begun again", "1/1,000 orders", float64(w.Retries)/orders*1000)
	if w.bytes > 0 {
		p.add("bytes", "bytes/order", float64(w.bytes)/orders)
	}
	if w.written > 0 {
		p.add(bytesWritten, "bytes/order", float64(w.written)/orders)
	}
	p.add("processor time", "ms/order", milliseconds(w.cpu)/orders)
	p.add("processor time, all nodes", "cores", w.cpu.Seconds()/window)
	p.add(registrationsLost, "", float64(w.registered-int64(p.Nodes)))
	p.add("steps interrupted", "", float64(l.interrupted))
	if len(l.takenOver) > 0 {
		p.addTimes("killed to taken over", l.takenOver)
	}
}
