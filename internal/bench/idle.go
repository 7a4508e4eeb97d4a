package bench

import (
	"context"
	"errors"
	"time"
)

// settling is how long a node is left alone before its idling is measured.
const settling = 3 * time.Second

// idle measures a node, as a process of its own, that has nothing to do.
func (r *run) idle(ctx context.Context, s *Section) error {
	for i := range r.Repeat {
		r.Progress("idle: run %d of %d, %s", i+1, r.Repeat, r.Window)
		dsn, err := r.scratch.database(ctx)
		if err != nil {
			return err
		}
		p, err := r.Spawn(ctx, NodeConfig{DSN: dsn, Workers: r.Workers})
		if err != nil {
			return err
		}
		if err := errors.Join(r.idleOnce(ctx, p, s), p.Stop()); err != nil {
			return err
		}
		if err := r.scratch.discard(dsn); err != nil {
			return err
		}
	}
	s.goal("processor time", Goal{AtMost: true, Value: 0.5})
	return nil
}

func (r *run) idleOnce(ctx context.Context, p *Process, s *Section) error {
	if err := sleep(ctx, settling); err != nil {
		return err
	}
	before, err := processTime(p.PID)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := sleep(ctx, r.Window); err != nil {
		return err
	}
	after, err := processTime(p.PID)
	if err != nil {
		return err
	}
	s.add("processor time", "% of a core", 100*(after-before).Seconds()/since(begun))
	now, _, err := processMemory(p.PID)
	s.add("memory", "MB", megabytes(now))
	return err
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }
