package projections

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestRebuild starts from different tables; each must end as the fold of the log, with
// what was wrong in the report.
func TestRebuild(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		nothing := func(*fixture) []domain.OrderID { return nil }
		harmed := func(statements ...string) func(*fixture) []domain.OrderID {
			return func(f *fixture) []domain.OrderID {
				for _, s := range statements {
					f.exec(s)
				}
				return nil
			}
		}
		few := limits{rows: 2, orders: 3, bytes: 1 << 20}
		for name, c := range map[string]struct {
			before func(f *fixture) (more []domain.OrderID)
			o      RebuildOptions
			want   func(f *fixture, r Report) bool
		}{
			"all right": {nothing, RebuildOptions{}, func(_ *fixture, r Report) bool { return r.Clean() && r.Lagging == 0 }},
			"rows gone": {harmed(`DELETE FROM orders`), RebuildOptions{}, func(_ *fixture, r Report) bool { return r.Missing == 30 }},
			"a projector behind": {func(f *fixture) []domain.OrderID { return f.placeMany(1) }, RebuildOptions{},
				func(_ *fixture, r Report) bool { return r.Clean() && r.Lagging == 1 }},
			"never projected": {harmed(`DELETE FROM orders`, `DELETE FROM checkpoints`), RebuildOptions{},
				func(_ *fixture, r Report) bool { return r.Clean() && r.Lagging == 30 }},
			"rests of another": {harmed(`INSERT INTO orders_next SELECT * FROM orders`), RebuildOptions{},
				func(_ *fixture, r Report) bool { return r.Clean() }},
			"little at a time": {nothing, RebuildOptions{BatchSize: 3, limits: few}, func(_ *fixture, r Report) bool { return r.Clean() }},
			"few bytes":        {nothing, RebuildOptions{BatchSize: 10, limits: limits{rows: 10, orders: 10, bytes: 40}}, func(_ *fixture, r Report) bool { return r.Clean() }},
		} {
			t.Run(name, func(t *testing.T) {
				f, rng := partitioned(t, open(t)), random(t)
				ids := f.many(rng, 30)
				f.project(Options{})
				ids = append(ids, c.before(f)...)
				var phases []string
				c.o.Progress = func(p Progress) {
					if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
						phases = append(phases, p.Phase)
					}
					if p.Total > 0 && p.Done > p.Total {
						t.Errorf("progress %+v", p)
					}
				}
				r, err := Rebuild(t.Context(), f.db, f.Store, c.o)
				must(t, err)
				heads, err := f.Heads(t.Context())
				must(t, err)
				if !c.want(f, r) || r.Orders != int64(len(ids)) || r.Events != total(heads) {
					t.Errorf("report %+v of %d orders and %d events", r, len(ids), total(heads))
				}
				t.Logf("phases %v", phases)
				f.sameAsStreams(ids)
				f.verify()
				f.tidy()
				more := f.place("more") // and the projector goes on from there
				f.project(Options{})
				f.sameAsStreams(append(ids, more))
			})
		}
	})
}

// tidy fails the test if a rebuild left anything behind.
func (f *fixture) tidy() {
	f.t.Helper()
	for what, query := range map[string]string{"rows": `SELECT COUNT(*) FROM orders_next`, "checkpoints": `SELECT COUNT(*) FROM checkpoints WHERE projection <> 'orders'`} {
		var n int
		must(f.t, f.db.QueryRowContext(context.Background(), query).Scan(&n))
		if n != 0 {
			f.t.Errorf("%d %s were left behind", n, what)
		}
	}
}

// TestRebuild_running rebuilds again and again while orders are appended and projected,
// with readers that must never fail or see an order go back in time.
func TestRebuild_running(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := partitioned(t, open(t)), random(t)
		ids := f.many(rng, 30)
		first := ids[0]
		p := NewProjector(f.db, f.Store, Options{BatchSize: 20, Linger: time.Millisecond, OnError: func(err error) { t.Error(err) }})
		f.OnCommit(func(int, int64) { p.Wake() })
		f.project(Options{})
		ctx, stop := context.WithCancel(t.Context())
		var wg, writers sync.WaitGroup
		wg.Go(func() { _ = p.Run(ctx) })
		// Another process: its prepared statements and its projector know nothing of the swap.
		other := f.another()
		q := NewProjector(other, f.Store, Options{BatchSize: 7, Linger: time.Millisecond, OnError: func(err error) { t.Error(err) }})
		wg.Go(func() { _ = q.Run(ctx) })
		wg.Go(func() { readOn(t, f.db, f, first, ctx.Done()) })
		wg.Go(func() { readOn(t, other, f, first, ctx.Done()) })
		var mu sync.Mutex
		for i := range 2 {
			writers.Go(func() {
				more := f.many(rand.New(rand.NewPCG(uint64(i), 2)), 30)
				mu.Lock()
				defer mu.Unlock()
				ids = append(ids, more...)
			})
		}
		ended := make(chan struct{})
		go func() { writers.Wait(); close(ended) }()
		rebuilds := 0
		for running := true; running; rebuilds++ {
			select {
			case <-ended:
				running = false // once more, at rest
			default:
			}
			r, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{BatchSize: 50, limits: limits{rows: 5, orders: 20, bytes: 1 << 20}})
			if err != nil || !r.Clean() {
				t.Fatalf("rebuild %d: %+v, %v", rebuilds, r, err)
			}
		}
		stop()
		wg.Wait()
		t.Logf("%d rebuilds", rebuilds)
		f.project(Options{})
		f.sameAsStreams(ids)
		f.verify()
		f.tidy()
	})
}

// readOn reads until done: the list, an order and the counts must always be there.
func readOn(t *testing.T, db *schema.DB, f *fixture, first domain.OrderID, done <-chan struct{}) {
	views := NewViews(db, f.Store)
	var last int64
	for {
		select {
		case <-done:
			return
		default:
		}
		page, err := views.List(context.Background(), Filter{Limit: MaxLimit})
		if err != nil || len(page.Orders) < 30 {
			t.Errorf("list: %d orders, err %v", len(page.Orders), err)
			return
		}
		if _, err := views.Get(context.Background(), first); err != nil {
			t.Errorf("get: %v", err)
			return
		}
		counts, err := views.Counts(context.Background())
		var sum int64
		for _, n := range counts {
			sum += n
		}
		if err != nil || sum < last {
			t.Errorf("counts: %d orders after %d, err %v", sum, last, err)
			return
		}
		last = sum
	}
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
			_, err := Rebuild(ctx, f.db, f.Store, RebuildOptions{BatchSize: 10, limits: limits{rows: 2, orders: 5, bytes: 1 << 20}, Progress: func(p Progress) {
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
			_, err := Rebuild(context.Background(), f.db, f.Store, RebuildOptions{Stale: time.Second, Progress: func(Progress) {
				once.Do(func() { close(inside); <-release })
			}})
			ended <- err
		}()
		<-inside
		for i := range 2 {
			begun := time.Now()
			_, err := Rebuild(t.Context(), f.another(), f.Store, RebuildOptions{Stale: time.Second})
			if !errors.Is(err, ErrRebuildRunning) || time.Since(begun) >= time.Second {
				t.Errorf("rebuild %d: err %v after %v, want ErrRebuildRunning within a second", i, err, time.Since(begun))
			}
		}
		close(release)
		must(t, <-ended)
		f.sameAsStreams(ids)
		_, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{})
		must(t, err)
	})
}

func TestStatuses(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		id := f.place("a")
		f.do(id, start(domain.Scheduling, 1, "n"))
		f.project(Options{})
		f.do(id, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1})
		check := func(projection string, position, head int64) {
			t.Helper()
			all, err := Statuses(t.Context(), f.db, f.Store)
			must(t, err)
			seen := map[int]bool{}
			for _, s := range all {
				if s.Projection != projection {
					continue
				}
				seen[s.Partition] = true
				if s.Partition == f.Partition(id) && (s.Position != position || s.Head != head || s.Lag != head-position || time.Since(s.UpdatedAt).Abs() > time.Hour) {
					t.Errorf("%+v, want position %d and head %d", s, position, head)
				}
			}
			if len(seen) != f.Partitions() {
				t.Errorf("%s: %d partitions, want %d (and no claim)", projection, len(seen), f.Partitions())
			}
		}
		check(live, 2, 3)
		_, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{Progress: func(p Progress) {
			if p.Phase == PhaseCompare {
				check(next, 3, 3)
			}
		}})
		must(t, err)
		check(live, 3, 3)
	})
}

// TestRebuild_lost stops at a log with a hole, and leaves the live table alone.
func TestRebuild_lost(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	ids := f.placeMany(5)
	f.project(Options{})
	if _, err := Rebuild(t.Context(), f.db, hole{f.Store}, RebuildOptions{}); !errors.Is(err, domain.ErrCorrupt) {
		t.Fatalf("err %v, want ErrCorrupt", err)
	}
	f.sameAsStreams(ids)
	if _, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{}); err != nil {
		t.Fatal(fmt.Errorf("the next one: %w", err))
	}
}
