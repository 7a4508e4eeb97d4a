package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
)

// running is how long nodes work before they are measured, beside two steps' time.
const running = 2 * time.Second

// shareGoals are the shares of the ideal that there should be, by nodes.
var shareGoals = map[int]float64{1: 0.99, 2: 0.99, 4: 0.98}

// waiting has steps that take their time, on nodes that are processes, and more orders
// than they can do. Ideally each worker is always at a step.
func (r *run) waiting(ctx context.Context, s *Section) error {
	for _, nodes := range r.Nodes {
		for i := range r.Repeat {
			r.Progress("waiting: %d nodes, run %d of %d", nodes, i+1, r.Repeat)
			if err := r.waitingOnce(ctx, s, nodes); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) waitingOnce(ctx context.Context, s *Section, nodes int) error {
	n, dsn, err := r.fresh(ctx, NodeConfig{Roles: []string{roleAPI}})
	if err != nil {
		return err
	}
	// What all workers do in the time, and a quarter more for what starting takes.
	enough := (2*r.StepDuration + running + r.Window + settling).Seconds() / r.StepDuration.Seconds() / domain.StepCount
	backlog := int(1.25 * (enough + 1) * float64(nodes*r.Workers))
	_, err = together(ctx, r.Clients, backlog, func(ctx context.Context, i int) error {
		_, err := n.Place(ctx, tracking("waiting", i), []byte(detail))
		return err
	})
	if err == nil {
		err = r.work(ctx, s, n.Store, dsn, nodes)
	}
	if err == nil {
		err = r.notAllDone(ctx, n.Store, backlog)
	}
	return errors.Join(err, n.Stop(), r.scratch.discard(dsn))
}

// notAllDone refuses figures of nodes that had nothing left to do.
func (r *run) notAllDone(ctx context.Context, store *eventstore.Store, backlog int) error {
	events, err := eventsStored(ctx, store)
	if err == nil && events >= int64(backlog)*eventsPerOrder {
		err = fmt.Errorf("all %d orders were done before the time was over", backlog)
	}
	return err
}

// work starts nodes on a backlog and measures them for a while.
func (r *run) work(ctx context.Context, s *Section, store *eventstore.Store, dsn string, nodes int) (err error) {
	heads, err := store.Heads(ctx)
	if err != nil {
		return err
	}
	var all []*Process
	stop := func() (err error) {
		for _, p := range all {
			err = errors.Join(err, p.Stop())
		}
		all = nil
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for range nodes {
		p, err := r.Spawn(ctx, NodeConfig{DSN: dsn, Workers: r.Workers, StepDuration: r.StepDuration})
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	if err := sleep(ctx, running+2*r.StepDuration); err != nil {
		return err
	}
	from, before := time.Now(), timeOf(all)
	if err := sleep(ctx, r.Window); err != nil {
		return err
	}
	to, after := time.Now(), timeOf(all)
	// The steps that run are finished, so that all that ran in the window is in the log.
	if err := stop(); err != nil {
		return err
	}
	busy, err := r.busy(ctx, store, heads, from, to)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d nodes of %d workers", nodes, r.Workers)
	share := busy.Seconds() / (to.Sub(from).Seconds() * float64(nodes*r.Workers))
	s.add(name+", share of ideal", "", share)
	if share > 0 {
		s.add(name+", a worker between two steps", "ms", milliseconds(r.StepDuration)*(1/share-1))
	}
	s.add(name+", steps", "steps/s", busy.Seconds()/r.StepDuration.Seconds()/to.Sub(from).Seconds())
	s.add(name+", processor time", "cores", (after-before).Seconds()/to.Sub(from).Seconds())
	if goal, known := shareGoals[nodes]; known {
		s.goal(name+", share of ideal", Goal{Value: goal})
	}
	return nil
}

func timeOf(all []*Process) (sum time.Duration) {
	for _, p := range all {
		t, _ := processTime(p.PID) // where it is not known, the figure is 0
		sum += t
	}
	return sum
}

// busy sums up how long steps were worked on between two moments: each for its duration
// before its end was recorded, which is all of its work and none of its waiting.
func (r *run) busy(ctx context.Context, store *eventstore.Store, heads []int64, from, to time.Time) (sum time.Duration, err error) {
	const page = 5000
	for partition, after := range heads {
		for {
			events, err := store.ReadLog(ctx, partition, after, page)
			if err != nil {
				return 0, err
			}
			for _, e := range events {
				if _, done := e.Event.(domain.StepCompleted); done {
					sum += overlap(e.RecordedAt.Add(-r.StepDuration), e.RecordedAt, from, to)
				}
			}
			if len(events) < page {
				break
			}
			after = events[len(events)-1].Position
		}
	}
	return sum, nil
}

// overlap is how long two spans of time have in common.
func overlap(a, b, from, to time.Time) time.Duration {
	if a.Before(from) {
		a = from
	}
	if b.After(to) {
		b = to
	}
	return max(b.Sub(a), 0)
}
