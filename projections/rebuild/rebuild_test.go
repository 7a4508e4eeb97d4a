package rebuild

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/projections/internal/logtest"
	"orderflow/projections/internal/rows"
	"orderflow/projections/tail"
	"orderflow/projections/verify"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestRebuild starts from different tables; each must end as the fold of the log, with
// what was wrong in the report.
// TestRebuild_sparing: a rebuild reads on where the log gives fewer than it was asked for.
func TestRebuild_sparing(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	ids := f.Many(random(t), 20)
	f.project()
	r, err := Run(t.Context(), f.DB, logtest.Sparing{Store: f.Store, Most: 3}, Config{BatchSize: 10})
	if must(t, err); !r.Clean() || r.Orders != int64(len(ids)) {
		t.Errorf("report %+v", r)
	}
	f.SameAsStreams(ids)
}

func TestRebuild(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		nothing := func(*fixture) []domain.OrderID { return nil }
		harmed := func(statements ...string) func(*fixture) []domain.OrderID {
			return func(f *fixture) []domain.OrderID {
				for _, s := range statements {
					f.Exec(s)
				}
				return nil
			}
		}
		f, rng := partitioned(t, open(t)), random(t)
		ids := f.Many(rng, 30)
		f.project()
		few := limits{rows: 2, orders: 3, bytes: 1 << 20}
		for name, c := range map[string]struct {
			before func(f *fixture) (more []domain.OrderID)
			o      Config
			want   func(orders int64, r verify.Report) bool
		}{
			"all right": {nothing, Config{}, func(_ int64, r verify.Report) bool { return r.Clean() && r.Lagging == 0 }},
			"rows gone": {harmed(`DELETE FROM orders`), Config{}, func(orders int64, r verify.Report) bool { return r.Missing == orders }},
			"a projector behind": {func(f *fixture) []domain.OrderID { return f.PlaceMany(1) }, Config{},
				func(_ int64, r verify.Report) bool { return r.Clean() && r.Lagging == 1 }},
			"never projected": {harmed(`DELETE FROM orders`, `DELETE FROM checkpoints`), Config{},
				func(orders int64, r verify.Report) bool { return r.Clean() && r.Lagging == orders }},
			"rests of another": {harmed(`INSERT INTO orders_next SELECT * FROM orders`), Config{},
				func(_ int64, r verify.Report) bool { return r.Clean() }},
			"little at a time": {nothing, Config{BatchSize: 3, limits: few}, func(_ int64, r verify.Report) bool { return r.Clean() }},
			"few bytes":        {nothing, Config{BatchSize: 10, limits: limits{rows: 10, orders: 10, bytes: 40}}, func(_ int64, r verify.Report) bool { return r.Clean() }},
		} {
			t.Run(name, func(t *testing.T) {
				ids = append(ids, c.before(f)...)
				var phases []string
				c.o.Progress = func(p verify.Progress) {
					if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
						phases = append(phases, p.Phase)
					}
					if p.Total > 0 && p.Done > p.Total {
						t.Errorf("progress %+v", p)
					}
				}
				r, err := Run(t.Context(), f.DB, f.Store, c.o)
				must(t, err)
				heads, err := f.Heads(t.Context())
				must(t, err)
				if !c.want(int64(len(ids)), r) || r.Orders != int64(len(ids)) || r.Events != rows.Total(heads) {
					t.Errorf("report %+v of %d orders and %d events", r, len(ids), rows.Total(heads))
				}
				t.Logf("phases %v", phases)
				f.SameAsStreams(ids)
				f.verify()
				f.tidy()
				ids = append(ids, f.Place("more")) // and the projector goes on from there
				f.project()
				f.SameAsStreams(ids)
			})
		}
	})
}

// tidy fails the test if a rebuild left anything behind.
func (f *fixture) tidy() {
	f.T.Helper()
	for what, query := range map[string]string{"rows": `SELECT COUNT(*) FROM orders_next`, "checkpoints": `SELECT COUNT(*) FROM checkpoints WHERE projection <> 'orders'`} {
		var n int
		must(f.T, f.DB.QueryRowContext(context.Background(), query).Scan(&n))
		if n != 0 {
			f.T.Errorf("%d %s were left behind", n, what)
		}
	}
}

// TestRebuild_suspects: rows that differ are looked into many at a time, and each is found.
func TestRebuild_suspects(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.PlaceMany(2*recheckRows + 5)
		f.project()
		kept := []int{0, 1, recheckRows, 2*recheckRows + 4}
		for i, id := range ids {
			if !slices.Contains(kept, i) {
				f.Exec(`DELETE FROM orders WHERE order_id = ?1`, id[:])
			}
		}
		f.Exec(`UPDATE orders SET detail = '{"n":7}' WHERE order_id = ?1`, ids[0][:])
		f.Exec(`UPDATE orders SET detail = '{"n":7}' WHERE order_id = ?1`, ids[recheckRows][:])
		surplus := domain.OrderID{0xee}
		f.Exec(`UPDATE orders SET order_id = ?1 WHERE order_id = ?2`, surplus[:], ids[1][:])
		before := f.DB.Stats().Statements
		r, err := Run(t.Context(), f.DB, f.Store, Config{})
		must(t, err)
		if want := int64(len(ids) - 3); r.Different != 2 || r.Missing != want || r.Surplus != 1 || r.Lagging != 0 || r.Orders != int64(len(ids))+1 {
			t.Errorf("found %+v, want 2 different, %d missing, 1 surplus", r, want)
		}
		partitions := f.Store.Partitions()
		if n := f.DB.Stats().Statements - before; n > int64(len(ids)+4*partitions) { // one each would be as many, and those that are needed anyway
			t.Errorf("%d statements for %d orders in %d partitions", n, len(ids), partitions)
		}
		f.SameAsStreams(ids)
	})
}

// TestRebuild_counts: a projector that knows the counts which a rebuild has mended goes on from the mended ones.
func TestRebuild_counts(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.PlaceMany(20)
		f.project()
		f.Exec(`UPDATE checkpoints SET counts = '{"Failed":7}' WHERE projection = 'orders' AND position > 0`)
		p := tail.NewProjector(f.DB, f.Store, tail.Config{})
		_, err := p.Round(t.Context())
		must(t, err)
		_, err = Run(t.Context(), f.DB, f.Store, Config{})
		must(t, err)
		ids = append(ids, f.PlaceMany(20)...)
		_, err = p.Round(t.Context())
		must(t, err)
		f.SameAsStreams(ids)
	})
}

// TestRebuild_running rebuilds again and again while orders are appended and projected,
// with readers that must never fail or see an order go back in time.
func TestRebuild_running(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := partitioned(t, open(t)), random(t)
		ids := f.Many(rng, 30)
		first := ids[0]
		p := tail.NewProjector(f.DB, f.Store, tail.Config{BatchSize: 20, Linger: time.Millisecond, OnError: func(err error) { t.Error(err) }})
		f.OnCommit(p.Wake)
		f.project()
		ctx, stop := context.WithCancel(t.Context())
		var wg, writers sync.WaitGroup
		wg.Go(func() { _ = p.Run(ctx) })
		// Another process: its prepared statements and its projector know nothing of the swap.
		other := schematest.Again(f.T, f.DB)
		q := tail.NewProjector(other, f.Store, tail.Config{BatchSize: 7, Linger: time.Millisecond, OnError: func(err error) { t.Error(err) }})
		wg.Go(func() { _ = q.Run(ctx) })
		wg.Go(func() { readOn(t, f.DB, f, first, ctx.Done()) })
		wg.Go(func() { readOn(t, other, f, first, ctx.Done()) })
		var mu sync.Mutex
		for i := range 2 {
			writers.Go(func() {
				more := f.Many(rand.New(rand.NewPCG(uint64(i), 2)), 20)
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
			r, err := Run(t.Context(), f.DB, f.Store, Config{BatchSize: 50, limits: limits{rows: 50, orders: 20, bytes: 1 << 20}})
			if err != nil || !r.Clean() {
				t.Fatalf("rebuild %d: %+v, %v", rebuilds, r, err)
			}
		}
		stop()
		wg.Wait()
		t.Logf("%d rebuilds", rebuilds)
		f.project()
		f.SameAsStreams(ids)
		f.verify()
		f.tidy()
	})
}

// readOn reads until done: the list, an order and the counts must always be there.
func readOn(t *testing.T, db *schema.DB, f *fixture, first domain.OrderID, done <-chan struct{}) {
	views := projections.NewViews(db, f.Store)
	var last int64
	for {
		select {
		case <-done:
			return
		default:
		}
		page, err := views.List(context.Background(), projections.Filter{Limit: projections.MaxLimit})
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

// TestRebuild_lost stops at a log with a hole, and leaves the live table alone.
func TestRebuild_lost(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	ids := f.PlaceMany(5)
	f.project()
	if _, err := Run(t.Context(), f.DB, logtest.Hole{Store: f.Store}, Config{}); !errors.Is(err, domain.ErrCorrupt) {
		t.Fatalf("err %v, want ErrCorrupt", err)
	}
	f.SameAsStreams(ids)
	if _, err := Run(t.Context(), f.DB, f.Store, Config{}); err != nil {
		t.Fatal(fmt.Errorf("the next one: %w", err))
	}
}

// givenUp is a log that fails once, as a database does that gives a transaction up.
type givenUp struct {
	Log
	armed bool
	reads int
}

func (l *givenUp) ReadLog(ctx context.Context, partition int, after int64, limit int) ([]domain.Recorded, error) {
	if l.armed {
		if l.reads++; l.reads == 2 {
			return nil, fmt.Errorf("deadlock: %w", schema.ErrTransient)
		}
	}
	return l.Log.ReadLog(ctx, partition, after, limit)
}

// TestRebuild_last has orders appended at the last moment, which are applied in the
// transaction of the swap, and that transaction repeated.
func TestRebuild_last(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.PlaceMany(5)
		log := &givenUp{Log: f.Store}
		_, err := Run(t.Context(), f.DB, log, Config{BatchSize: 3, Progress: func(p verify.Progress) {
			switch {
			case p.Phase == verify.PhaseCompare:
				ids = append(ids, f.Place("before the last fill"))
			case p.Phase == verify.PhaseSwap && !log.armed:
				log.armed = true
				ids = append(ids, f.PlaceMany(5)...) // after the last fill has read the heads
			}
		}})
		must(t, err)
		if log.reads < 3 {
			t.Errorf("the log was read %d times in the swap, want 3 at least", log.reads)
		}
		all, err := projections.Statuses(t.Context(), f.DB, f.Store)
		must(t, err)
		for _, s := range all {
			if s.Lag != 0 {
				t.Errorf("it lags though nothing was appended since: %+v", s)
			}
		}
		f.SameAsStreams(ids)
	})
}

// TestRebuild_holds bounds what is held in memory: rows must be written although no
// order has ended.
func TestRebuild_holds(t *testing.T) {
	for name, l := range map[string]limits{"orders": {rows: 2, orders: 4, bytes: 1 << 20}, "bytes": {rows: 2, orders: 1000, bytes: 200}} {
		f := newFixture(t, schematest.SQLite(t))
		ids := f.PlaceMany(20)
		_, err := Run(t.Context(), f.DB, f.Store, Config{BatchSize: 5, limits: l, Progress: func(p verify.Progress) {
			if p.Phase != verify.PhaseFill {
				return
			}
			var n int64
			must(t, f.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM orders_next`).Scan(&n))
			if p.Done-n > 10 {
				t.Errorf("%s: %d orders of %d have been written", name, n, p.Done)
			}
		}})
		must(t, err)
		f.SameAsStreams(ids)
	}
}

// TestRebuild_once: an order that ends while the log is read is written once, however
// many batches its events are spread over, and its detail is not held any longer.
func TestRebuild_once(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	ids := f.PlaceMany(20)
	for _, c := range complete("n", domain.Steps()...) {
		for _, id := range ids[:15] {
			f.Do(id, c)
		}
	}
	f.Exec(`CREATE TRIGGER written_once BEFORE UPDATE ON orders_next BEGIN SELECT RAISE(ABORT, 'written twice'); END`)
	_, err := Run(t.Context(), f.DB, f.Store, Config{BatchSize: 20, limits: limits{rows: 2, orders: 100, bytes: 1 << 20}})
	must(t, err)
	f.SameAsStreams(ids)
}
