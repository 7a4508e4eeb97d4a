package tail

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// await fails the test unless what it waits for comes in time, and says how long it took.
func (f *fixture) await(what string, done func() bool) {
	f.T.Helper()
	begun := time.Now()
	for !done() {
		if time.Since(begun) > patience {
			f.T.Fatalf("%s: not within %s", what, patience)
		}
		time.Sleep(20 * time.Millisecond)
	}
	f.T.Logf("%s after %s", what, time.Since(begun).Round(time.Millisecond))
}

// lag is how far a partition is behind, and how far all others are together.
func (f *fixture) lag(partition int) (there, elsewhere int64) {
	f.T.Helper()
	all, err := projections.Statuses(context.Background(), f.DB, f.Store)
	must(f.T, err)
	for _, s := range all {
		if s.Partition == partition {
			there += s.Lag
		} else {
			elsewhere += s.Lag
		}
	}
	return there, elsewhere
}

// TestProjector_stranger: while somebody holds the checkpoint of one partition, or a row that it has to
// change, the views of all other partitions follow the log. When the stranger has gone, that partition
// catches up.
func TestProjector_stranger(t *testing.T) {
	schematest.NeedSQLServer(t)
	for name, query := range map[string]string{
		"checkpoint": `UPDATE checkpoints SET updated_at = ?3 WHERE projection = 'orders' AND partition = ?1 AND ?2 = ?2`,
		"row":        `UPDATE orders SET placed_at = ?3 WHERE order_id = ?2 AND ?1 = ?1`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, schematest.SQLServer(t))
			ids := f.PlaceMany(40)
			f.project(Config{})
			stuck := f.Partition(ids[0])
			release := schematest.Hold(t, f.DB, 1, query, stuck, ids[0][:], schema.TimeArg(time.Now()))
			var told atomic.Int64
			p := NewProjector(f.DB, f.Store, Config{
				bounds:  bounds{row: 100 * time.Millisecond, batch: defaultBounds.batch, silent: time.Second},
				OnError: func(err error) { t.Log(err); told.Add(1) },
			})
			f.OnCommit(p.Wake)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- p.Run(ctx) }()
			for attempt := 1; attempt <= 3; attempt++ {
				f.Do(ids[0], start(domain.Scheduling, attempt, "n"), domain.InterruptStep{Step: domain.Scheduling, Attempt: attempt, Reason: "n was lost"})
				ids = append(ids, f.PlaceMany(40)...)
				f.await("the other partitions follow", func() bool { _, elsewhere := f.lag(stuck); return elsewhere == 0 })
			}
			if there, _ := f.lag(stuck); there == 0 {
				t.Error("the partition whose row is held is said to be at the head")
			}
			f.await("that it is passed over is said", func() bool { return told.Load() > 0 })
			release()
			f.await("the partition that was held follows", func() bool { there, elsewhere := f.lag(stuck); return there+elsewhere == 0 })
			stop()
			must(t, <-ended)
			if n := told.Load(); n != 1 {
				t.Errorf("it was said %d times that the partition is passed over, want once", n)
			}
			f.SameAsStreams(ids)
		})
	}
}

// TestProjector_leftOut: a checkpoint that a look leaves out, since its row is locked, is not taken for missing.
func TestProjector_leftOut(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := partitioned(t, open(t))
		ids := f.PlaceMany(20)
		log := &reads{Log: f.Store}
		p := NewProjector(f.DB, log, Config{})
		_, err := p.Round(t.Context())
		must(t, err)
		left := f.Partition(ids[0])
		p.look = func(ctx context.Context) ([]place, error) {
			all, err := p.read(ctx)
			all[left] = place{head: all[left].head}
			return all, err
		}
		ids = append(ids, f.PlaceMany(20)...)
		log.after = nil
		for range 3 {
			s, err := p.Round(t.Context())
			if err != nil || !s.Others {
				t.Errorf("the round says %+v, %v; want something left", s, err)
			}
		}
		if there, elsewhere := f.lag(left); there == 0 || elsewhere != 0 || slices.Contains(log.after, 0) {
			t.Errorf("the partition lags by %d, others by %d, the log was read after %v; want others at the head, and none read anew", there, elsewhere, log.after)
		}
		p.look = p.read
		_, err = p.Round(t.Context())
		must(t, err)
		f.SameAsStreams(ids)
	})
}

// TestProjector_successor: what a projector leaves to another one that applied the events before, it applies
// when that one has ended. What this process appends it applies in any case.
func TestProjector_successor(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := partitioned(t, open(t))
		conf := Config{Poll: 200 * time.Millisecond, MaxLinger: 50 * time.Millisecond, OnError: func(err error) { t.Error(err) }}
		first, second := NewProjector(f.DB, f.Store, conf), NewProjector(schematest.Again(f.T, f.DB), f.Store, conf)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- second.Run(ctx) }()
		var ids []domain.OrderID
		for range 3 { // so that the second knows of the first
			ids = append(ids, f.PlaceMany(20)...)
			_, err := first.Round(t.Context())
			must(t, err)
		}
		ids = append(ids, f.PlaceMany(20)...)
		f.await("the other one applies what was left to the first", func() bool { _, lag := f.lag(-1); return lag == 0 })
		f.OnCommit(second.Wake)
		ids = append(ids, f.PlaceMany(20)...)
		f.await("it applies what its process appends", func() bool { _, lag := f.lag(-1); return lag == 0 })
		stop()
		must(t, <-ended)
		f.SameAsStreams(ids)
	})
}
