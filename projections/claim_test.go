package projections

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestClaim_takeOver: of two that find the same dead claim one takes it over.
func TestClaim_takeOver(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		dead, err := takeClaim(t.Context(), f.db, time.Second)
		must(t, err)
		old, there, err := dead.read(t.Context())
		if err != nil || !there {
			t.Fatalf("there %v, err %v", there, err)
		}
		a, b := &claim{db: f.db, token: 1}, &claim{db: f.db, token: 2}
		if _, err := a.takeOver(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		if _, err := b.takeOver(t.Context(), old); !errors.Is(err, ErrRebuildRunning) {
			t.Errorf("err %v, want ErrRebuildRunning", err)
		}
		// One that was only slow and has just given a sign of life keeps it.
		now, _, err := a.read(t.Context())
		must(t, err)
		must(t, f.db.InTx(t.Context(), func(tx *schema.Tx) error { return a.renew(t.Context(), tx) }))
		if _, err := b.takeOver(t.Context(), now); !errors.Is(err, ErrRebuildRunning) {
			t.Errorf("err %v, want ErrRebuildRunning", err)
		}
	})
}

// TestRebuild_stopped stops a rebuild in each of its phases. The live table must be good
// afterwards, and the next rebuild must succeed.
func TestRebuild_stopped(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := partitioned(t, open(t)), random(t)
		ids := f.many(rng, 30)
		f.project(Options{})
		for _, phase := range []string{PhaseFill, PhaseCompare, PhaseSwap, PhaseEmpty, PhaseClear} {
			ctx, cancel := context.WithCancel(t.Context())
			reached := false
			_, err := Rebuild(ctx, f.db, f.Store, RebuildOptions{BatchSize: 10, limits: limits{rows: 20, orders: 5, bytes: 1 << 20}, Progress: func(p Progress) {
				if p.Phase == PhaseCompare && !reached { // so that there is something left to do for the swap
					ids = append(ids, f.placeMany(3)...)
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
			f.project(Options{})
			f.sameAsStreams(ids)
			if phase == PhaseEmpty { // leave rows for the next to clear
				f.exec(`INSERT INTO orders_next SELECT * FROM orders`)
			}
		}
		_, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{})
		must(t, err)
		f.sameAsStreams(ids)
		f.tidy()
	})
}

// TestRebuild_killed finds what a process leaves that dies in the middle: its claim,
// rows, and checkpoints.
func TestRebuild_killed(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := partitioned(t, open(t)), random(t)
		ids := f.many(rng, 10)
		f.project(Options{})
		dead, err := takeClaim(t.Context(), f.db, time.Second)
		must(t, err)
		f.exec(`INSERT INTO orders_next SELECT * FROM orders WHERE version < 4`)
		f.exec(`INSERT INTO checkpoints (projection, partition, position, counts, updated_at)
			SELECT 'orders_next', partition, 1, '{"Failed":1}', updated_at FROM checkpoints WHERE projection = 'orders'`)
		begun := time.Now()
		r, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{Stale: 100 * time.Millisecond})
		if err != nil || !r.Clean() {
			t.Fatalf("report %+v, err %v", r, err)
		}
		if waited := time.Since(begun); waited < 100*time.Millisecond {
			t.Errorf("the claim was taken over after %v, want 100 ms at least", waited)
		}
		f.sameAsStreams(ids)
		f.tidy()
		// The dead one wakes up: nothing it writes may be kept.
		err = dead.inTx(t.Context(), func(tx *schema.Tx) error {
			_, err := tx.ExecContext(t.Context(), `DELETE FROM orders`)
			return err
		})
		if !errors.Is(err, ErrRebuildRunning) {
			t.Errorf("err %v, want ErrRebuildRunning", err)
		}
		f.sameAsStreams(ids)
	})
}

// TestRebuild_overtaken: a rebuild whose claim was taken over while it was stopped for
// long gives up and leaves the live table alone.
func TestRebuild_overtaken(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.placeMany(5)
		f.project(Options{})
		f.exec(`UPDATE orders SET status = 'Failed'`)
		_, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{Progress: func(p Progress) {
			if p.Phase == PhaseCompare {
				f.exec(`UPDATE checkpoints SET position = 7 WHERE projection = 'orders_next' AND partition = -1`)
			}
		}})
		if !errors.Is(err, ErrRebuildRunning) {
			t.Fatalf("err %v, want ErrRebuildRunning", err)
		}
		var n int
		must(t, f.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM orders WHERE status = 'Failed'`).Scan(&n))
		if n != len(ids) {
			t.Errorf("it changed the live table: %d rows are as before, want %d", n, len(ids))
		}
	})
}

func TestRebuild_concurrent(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.placeMany(5)
		inside, release := make(chan struct{}), make(chan struct{})
		var once sync.Once
		ended := make(chan error)
		go func() {
			_, err := Rebuild(context.Background(), f.db, f.Store, RebuildOptions{Stale: 4 * time.Second, Progress: func(Progress) {
				once.Do(func() { close(inside); <-release })
			}})
			ended <- err
		}()
		<-inside
		for i := range 2 {
			_, err := Rebuild(t.Context(), f.another(), f.Store, RebuildOptions{Stale: 4 * time.Second})
			if !errors.Is(err, ErrRebuildRunning) {
				t.Errorf("rebuild %d: err %v, want ErrRebuildRunning", i, err)
			}
		}
		close(release)
		must(t, <-ended)
		f.sameAsStreams(ids)
		_, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{})
		must(t, err)
	})
}
