package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/schema"
)

const (
	// soakKeeps is how long a node that soaks keeps consumed messages: the least that may be, so
	// that retention has as much to do as there are orders.
	soakKeeps = time.Minute
	// soakParts is how many parts of a soak are measured, each by itself.
	soakParts = 12
)

// soak keeps a node, a process of its own, under a steady load, with retention at work, and
// measures one part of the time after the other: what grows shows.
func (r *run) soak(ctx context.Context, s *Section) (err error) {
	dsn := r.Store
	if dsn == "" {
		if dsn, err = r.scratch.database(ctx); err != nil {
			return err
		}
	}
	err = r.process(ctx, NodeConfig{DSN: dsn, Workers: r.Workers, Retention: soakKeeps}, func(p *Process) error {
		db, store, err := openLog(ctx, dsn)
		if err != nil {
			return err
		}
		views, orders := projections.NewViews(db, store), max(1, int(r.Soak.Seconds()*r.SoakRate/soakParts))
		for i := range soakParts {
			r.Progress("soak: part %d of %d, %d orders at %g a second", i+1, soakParts, orders, r.SoakRate)
			if err = r.soakPart(ctx, s, p, views, orders); err == nil {
				err = leftBehind(ctx, s, db, dsn)
			}
			if err != nil {
				break
			}
		}
		return errors.Join(err, db.Close())
	})
	s.lastToFirst("processor time")
	s.lastToFirst("memory")
	s.goal("processor time, last part to first", Goal{AtMost: true, Value: 1.1})
	return err
}

// soakPart has orders worked on, and measures until the views show that they were.
func (r *run) soakPart(ctx context.Context, s *Section, p *Process, views *projections.Views, orders int) error {
	counts, err := views.Counts(ctx)
	if err != nil {
		return err
	}
	c := newClient(p.URL, r.Clients)
	defer c.close()
	before, err := processTime(p.PID)
	if err != nil {
		return err
	}
	_, took, err := steadily(ctx, r.SoakRate, orders, func(ctx context.Context, i int) error {
		_, err := c.place(ctx, tracking(newID(time.Now()).String(), i), []byte(detail))
		return err
	})
	if err != nil {
		return err
	}
	if err := completed(ctx, views, counts[domain.StatusCompleted]+int64(orders)); err != nil {
		return err
	}
	after, err := processTime(p.PID)
	if err != nil {
		return err
	}
	memory, _, err := processMemory(p.PID)
	s.add("processor time", cpuUnit, (after-before).Seconds()/float64(orders)*1000)
	s.addTimes(aCall, took)
	s.add("memory", "MB", megabytes(memory))
	return err
}

// leftBehind measures what retention and checkpoints of the database should keep small.
func leftBehind(ctx context.Context, s *Section, db *schema.DB, dsn string) error {
	var messages int64
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM outbox`).Scan(&messages); err != nil {
		return fmt.Errorf("count messages: %w", db.Translate(err))
	}
	s.add("messages kept", "", float64(messages))
	if info, err := os.Stat(dsn + "-wal"); err == nil {
		s.add("write-ahead log", "MB", megabytes(info.Size()))
	}
	return nil
}

// lastToFirst makes a figure of a figure's last sample as a share of its first.
func (fs *Figures) lastToFirst(name string) {
	if f := fs.figure(name); f != nil && len(f.Samples) > 1 && f.Samples[0] != 0 {
		share := f.Samples[len(f.Samples)-1] / f.Samples[0]
		fs.add(name+", last part to first", "", math.Round(share*1000)/1000)
	}
}
