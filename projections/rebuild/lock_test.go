package rebuild

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/projections/tail"
	"orderflow/projections/verify"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestLock_takeOver: of two that find the same dead lock one takes it over.
func TestLock_takeOver(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		dead, err := takeLock(t.Context(), f.DB, time.Second)
		must(t, err)
		old, there, err := dead.read(t.Context())
		if err != nil || !there {
			t.Fatalf("there %v, err %v", there, err)
		}
		a, b := &rebuildLock{db: f.DB, token: 1}, &rebuildLock{db: f.DB, token: 2}
		if _, err := a.takeOver(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		if _, err := b.takeOver(t.Context(), old); !errors.Is(err, ErrRebuildRunning) {
			t.Errorf("err %v, want ErrRebuildRunning", err)
		}
		// One that was only slow and has just given a sign of life keeps it.
		now, _, err := a.read(t.Context())
		must(t, err)
		must(t, f.DB.InTx(t.Context(), func(tx *schema.Tx) error { return a.renew(t.Context(), tx) }))
		if _, err := b.takeOver(t.Context(), now); !errors.Is(err, ErrRebuildRunning) {
			t.Errorf("err %v, want ErrRebuildRunning", err)
		}
		// One that is in the middle of a transaction keeps it, too, and what it writes.
		now, _, err = a.read(t.Context())
		must(t, err)
		taken := make(chan error, 1)
		must(t, a.inTx(t.Context(), func(*schema.Tx) error {
			go func() {
				_, err := b.takeOver(context.Background(), now)
				taken <- err
			}()
			select {
			case err := <-taken:
				t.Errorf("it was not waited for: %v", err)
			case <-time.After(300 * time.Millisecond):
			}
			return nil
		}))
		if err := <-taken; !errors.Is(err, ErrRebuildRunning) {
			t.Errorf("err %v, want ErrRebuildRunning", err)
		}
	})
}

// TestSwap_moved: a checkpoint that is not where the swap read it keeps the swap from happening.
func TestSwap_moved(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		f.PlaceMany(5)
		f.project()
		err := f.DB.InTx(t.Context(), func(tx *schema.Tx) error {
			return rows.ReplaceCheckpoint(t.Context(), tx, 0, &rows.Checkpoint{Position: 1 << 40}, rows.Checkpoint{})
		})
		if !errors.Is(err, rows.ErrFenced) {
			t.Errorf("err %v, want ErrFenced", err)
		}
	})
}

// TestSwap_remembered: a projector that remembers an order as a bad row had it goes on from what a rebuild has made of
// it, also where the checkpoint stays at its position with its counts.
func TestSwap_remembered(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		id := f.Place("a")
		f.Do(id, complete("n", domain.Scheduling)...)
		f.project()
		f.Exec(`UPDATE orders SET steps = REPLACE(steps, '"n"', '"m"')`)
		p := tail.NewProjector(f.DB, f.Store, tail.Config{})
		next := func(c domain.Command) {
			t.Helper()
			f.Do(id, c)
			_, err := p.Round(t.Context())
			must(t, err)
		}
		more := complete("n", domain.Steps()[1:]...)
		next(more[0])
		for i, c := range more[1:5] {
			f.Exec(`UPDATE orders SET steps = REPLACE(steps, '"n"', '"m"')`)
			for again := range 1 + i%2 { // twice before the projector looks
				if r, err := Run(t.Context(), f.DB, f.Store, Config{}); err != nil || r.Different != int64(1-again) {
					t.Fatalf("rebuild %d: report %+v, err %v, want one row that is different at first", i, r, err)
				}
			}
			f.verify()
			next(c)
			f.verify()
		}
	})
}

// TestRebuild_stranger: while somebody holds a checkpoint, a rebuild ends without a swap, and does not keep
// projectors waiting for long.
func TestRebuild_stranger(t *testing.T) {
	schematest.NeedSQLServer(t)
	f := newFixture(t, schematest.SQLServer(t))
	ids := f.PlaceMany(20)
	f.project()
	f.Exec(`UPDATE orders SET status = 'Failed'`)
	conf := Config{wait: 200 * time.Millisecond}
	release := schematest.Hold(t, f.DB, 1, `UPDATE checkpoints SET updated_at = `+f.DB.Dialect().Now()+` WHERE projection = 'orders' AND partition = 3`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := Run(ctx, f.DB, f.Store, conf); !errors.Is(err, schema.ErrBusy) {
		t.Errorf("err %v, want ErrBusy", err)
	}
	release()
	if r, err := Run(t.Context(), f.DB, f.Store, conf); err != nil || r.Different != int64(len(ids)) {
		t.Fatalf("report %+v, err %v", r, err)
	}
	f.SameAsStreams(ids)
	f.tidy()
}

// TestRebuild_stopped stops a rebuild in each of its phases. The live table must be good
// afterwards, and the next rebuild must succeed.
func TestRebuild_stopped(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := partitioned(t, open(t)), random(t)
		ids := f.Many(rng, 30)
		f.project()
		for _, phase := range []string{verify.PhaseFill, verify.PhaseCompare, verify.PhaseSwap, verify.PhaseEmpty, verify.PhaseClear} {
			ctx, cancel := context.WithCancel(t.Context())
			reached := false
			_, err := Run(ctx, f.DB, f.Store, Config{BatchSize: 10, limits: limits{rows: 20, orders: 5, bytes: 1 << 20}, Progress: func(p verify.Progress) {
				if p.Phase == verify.PhaseCompare && !reached { // so that there is something left to do for the swap
					ids = append(ids, f.PlaceMany(3)...)
				}
				if p.Phase == phase {
					reached = true
					cancel()
				}
			}})
			if !reached || !errors.Is(err, context.Canceled) {
				t.Errorf("stopped in phase %s (reached %v): err %v", phase, reached, err)
			}
			cancel()
			f.project()
			f.SameAsStreams(ids)
			if phase == verify.PhaseEmpty { // leave rows for the next to clear
				f.Exec(`INSERT INTO orders_next SELECT * FROM orders`)
			}
		}
		_, err := Run(t.Context(), f.DB, f.Store, Config{})
		must(t, err)
		f.SameAsStreams(ids)
		f.tidy()
	})
}

// TestRebuild_killed finds what a process leaves that dies in the middle: its lock,
// rows, and checkpoints.
func TestRebuild_killed(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := partitioned(t, open(t)), random(t)
		ids := f.Many(rng, 10)
		f.project()
		dead, err := takeLock(t.Context(), f.DB, time.Second)
		must(t, err)
		f.Exec(`INSERT INTO orders_next SELECT * FROM orders WHERE version < 4`)
		f.Exec(`INSERT INTO checkpoints (projection, partition, position, counts, updated_at)
			SELECT 'orders_next', partition, 1, '{"Failed":1}', updated_at FROM checkpoints WHERE projection = 'orders'`)
		begun := time.Now()
		r, err := Run(t.Context(), f.DB, f.Store, Config{Stale: 100 * time.Millisecond})
		if err != nil || !r.Clean() {
			t.Fatalf("report %+v, err %v", r, err)
		}
		if waited := time.Since(begun); waited < 100*time.Millisecond {
			t.Errorf("the lock was taken over after %v, want 100 ms at least", waited)
		}
		f.SameAsStreams(ids)
		f.tidy()
		// The dead one wakes up: nothing it writes may be kept.
		err = dead.inTx(t.Context(), func(tx *schema.Tx) error {
			_, err := tx.ExecContext(t.Context(), `DELETE FROM orders`)
			return err
		})
		if !errors.Is(err, ErrRebuildRunning) {
			t.Errorf("err %v, want ErrRebuildRunning", err)
		}
		f.SameAsStreams(ids)
	})
}

// TestRebuild_overtaken: a rebuild whose lock was taken over while it was stopped for
// long gives up and leaves the live table alone.
func TestRebuild_overtaken(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.PlaceMany(5)
		f.project()
		f.Exec(`UPDATE orders SET status = 'Failed'`)
		_, err := Run(t.Context(), f.DB, f.Store, Config{Progress: func(p verify.Progress) {
			if p.Phase == verify.PhaseCompare {
				f.Exec(`UPDATE checkpoints SET position = 7 WHERE projection = 'orders_next' AND partition = -1`)
			}
		}})
		if !errors.Is(err, ErrRebuildRunning) {
			t.Fatalf("err %v, want ErrRebuildRunning", err)
		}
		var n int
		must(t, f.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM orders WHERE status = 'Failed'`).Scan(&n))
		if n != len(ids) {
			t.Errorf("it changed the live table: %d rows are as before, want %d", n, len(ids))
		}
	})
}

func TestRebuild_concurrent(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.PlaceMany(5)
		inside, release := make(chan struct{}), make(chan struct{})
		var once sync.Once
		ended := make(chan error)
		go func() {
			_, err := Run(context.Background(), f.DB, f.Store, Config{Stale: 4 * time.Second, Progress: func(verify.Progress) {
				once.Do(func() { close(inside); <-release })
			}})
			ended <- err
		}()
		<-inside
		for i := range 2 {
			_, err := Run(t.Context(), schematest.Again(f.T, f.DB), f.Store, Config{Stale: 4 * time.Second})
			if !errors.Is(err, ErrRebuildRunning) {
				t.Errorf("rebuild %d: err %v, want ErrRebuildRunning", i, err)
			}
		}
		close(release)
		must(t, <-ended)
		f.SameAsStreams(ids)
		_, err := Run(t.Context(), f.DB, f.Store, Config{})
		must(t, err)
	})
}
