package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/eventstore"
	"orderflow/projections/tail"
	"orderflow/projections/verify"
	"orderflow/schema"
)

const (
	eventsPerSecond = "events/s"
	rebuilding      = "rebuild"
)

// projection measures how fast the views are made.
func (r *run) projection(ctx context.Context, s *Section) error {
	err := r.repeat(fmt.Sprintf("projection, %d orders", r.Orders), func() error {
		dsn, err := r.scratch.database(ctx)
		if err != nil {
			return err
		}
		err = r.seeded(ctx, dsn, r.Orders, func(db *schema.DB, store *eventstore.Store, events int64) error {
			return r.projectionOnce(ctx, s, db, store, events)
		})
		return errors.Join(err, r.scratch.discard(dsn))
	})
	s.goal(rebuilding, Goal{Value: 100_000})
	return err
}

func (r *run) projectionOnce(ctx context.Context, s *Section, db *schema.DB, store *eventstore.Store, events int64) error {
	for _, m := range []struct {
		name string
		do   func() error
	}{
		{"catch-up of the projector", func() error { return project(ctx, db, store) }},
		{rebuilding, func() error { _, err := r.rebuild(ctx, db, store); return err }},
		{"verify", func() error {
			report, err := verify.Run(ctx, db, store, verify.Config{})
			if err == nil && (!report.Clean() || report.Orders != int64(r.Orders)) {
				err = fmt.Errorf("the views of generated orders are wrong: %+v", report)
			}
			return err
		}},
	} {
		before := usageOf(db)
		if err := m.do(); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		after := usageOf(db)
		used := after.since(before)
		s.add(m.name, eventsPerSecond, float64(events)/after.at.Sub(before.at).Seconds())
		s.add(m.name+", processor time", "µs/event", float64(used.cpu.Microseconds())/float64(events))
		s.add(m.name+", allocations", "1/event", float64(used.mallocs)/float64(events))
	}
	return nil
}

// project has a projector apply the whole log.
func project(ctx context.Context, db *schema.DB, store *eventstore.Store) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	p := tail.NewProjector(db, store, tail.Config{OnError: func(err error) { failed = err; cancel() }})
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	err := caughtUp(ctx, &Node{DB: db, Store: store})
	cancel()
	if ran := errors.Join(<-ended, failed); ran != nil {
		return ran
	}
	return err
}

// since is how long ago a moment was, for rates.
func since(t time.Time) float64 { return time.Since(t).Seconds() }
