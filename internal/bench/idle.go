package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// settling is how long a node is left alone before its idling is measured.
const settling = 3 * time.Second

// idle measures a node, as a process of its own, that has nothing to do.
func (r *run) idle(ctx context.Context, s *Section) error {
	err := r.repeat(fmt.Sprintf("idle, %s", r.Window), func() error {
		dsn, err := r.scratch.database(ctx)
		if err != nil {
			return err
		}
		err = r.process(ctx, NodeConfig{DSN: dsn, Workers: r.Workers}, func(p *Process) error { return idleOnce(ctx, p, r.Window, s) })
		return errors.Join(err, r.scratch.discard(dsn))
	})
	s.goal("processor time", Goal{AtMost: true, Value: 0.5})
	return err
}

func idleOnce(ctx context.Context, p *Process, window time.Duration, s *Section) error {
	if err := sleep(ctx, settling); err != nil {
		return err
	}
	before, err := processTime(p.PID)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := sleep(ctx, window); err != nil {
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
