package projections

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// harms are ways to alter the view behind the system's back, the kind of difference
// and the field that Verify must name. ?1 is an order that has completed two steps.
var harms = map[string]struct{ statement, kind, field string }{
	"status":       {`UPDATE orders SET status = 'Completed' WHERE order_id = ?1`, KindDifferent, "status"},
	"step":         {`UPDATE orders SET current_step = NULL WHERE order_id = ?1`, KindDifferent, "current_step"},
	"node":         {`UPDATE orders SET node = 'N' WHERE order_id = ?1`, KindDifferent, "node"},
	"placed":       {`UPDATE orders SET placed_at = '2001-01-01T00:00:00.000000' WHERE order_id = ?1`, KindDifferent, "placed_at"},
	"started":      {`UPDATE orders SET started_at = NULL WHERE order_id = ?1`, KindDifferent, "started_at"},
	"completed":    {`UPDATE orders SET completed_at = placed_at WHERE order_id = ?1`, KindDifferent, "completed_at"},
	"tracking":     {`UPDATE orders SET tracking_id = 'B' WHERE order_id = ?1`, KindDifferent, "tracking_id"},
	"customer":     {`UPDATE orders SET customer = 'A' WHERE order_id = ?1`, KindDifferent, "customer"},
	"detail":       {`UPDATE orders SET detail = REPLACE(detail, 'text', 'TEXT') WHERE order_id = ?1`, KindDifferent, "detail"},
	"steps":        {`UPDATE orders SET steps = REPLACE(steps, '"attempt":1', '"attempt":2') WHERE order_id = ?1`, KindDifferent, "steps.Scheduling.attempt"},
	"steps case":   {`UPDATE orders SET steps = REPLACE(steps, '"node":"n"', '"node":"N"') WHERE order_id = ?1`, KindDifferent, "steps.Scheduling.node"},
	"steps layout": {`UPDATE orders SET steps = REPLACE(steps, ',', ', ') WHERE order_id = ?1`, KindDifferent, "steps"},
	"no steps":     {`UPDATE orders SET steps = 'none' WHERE order_id = ?1`, KindDifferent, "steps"},
	"version low":  {`UPDATE orders SET version = 3 WHERE order_id = ?1`, KindStale, "version"},
	"version high": {`UPDATE orders SET version = 9 WHERE order_id = ?1`, KindDifferent, "version"},
	"version zero": {`UPDATE orders SET version = 0 WHERE order_id = ?1`, KindDifferent, "version"},
	"missing":      {`DELETE FROM orders WHERE order_id = ?1`, KindMissing, ""},
	"surplus": {`INSERT INTO orders (order_id, version, status, placed_at, steps) SELECT CAST('0123456789abcdef' AS BINARY(16)), version, status, placed_at, steps
		FROM orders WHERE order_id = ?1`, KindSurplus, ""},
	"surplus first": {`INSERT INTO orders (order_id, version, status, placed_at, steps) SELECT 0x00000000000000000000000000000001, version, status, placed_at, steps
		FROM orders WHERE order_id = ?1`, KindSurplus, ""},
	"surplus last": {`INSERT INTO orders (order_id, version, status, placed_at, steps) SELECT 0xffffffffffffffffffffffffffffffff, version, status, placed_at, steps
		FROM orders WHERE order_id = ?1`, KindSurplus, ""},
	"moved": {`UPDATE orders SET order_id = CAST('0123456789abcdef' AS BINARY(16)) WHERE order_id = ?1`, KindMissing, ""},
}

// harm gives the statement in the dialect of the database.
func (f *fixture) harm(statement string, id domain.OrderID) {
	f.t.Helper()
	if f.db.Dialect().Name() == "sqlite" {
		statement = strings.ReplaceAll(statement, "AS BINARY(16)", "AS BLOB")
		statement = regexp.MustCompile("0x([0-9a-f]{32})").ReplaceAllString(statement, "x'$1'")
	}
	f.exec(statement, id[:])
}

func TestVerify(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := partitioned(t, open(t)), random(t)
		f.many(rng, 10)
		harmed := f.place("A")
		f.do(harmed, complete("n", domain.Steps()[:2]...)...)
		f.many(rng, 5)
		f.project(Options{})
		if r := f.verify(); r.Orders != 16 || !strings.Contains(toJSON(t, r), `"samples":[]`) {
			t.Fatalf("%s, want 16 orders and no samples", toJSON(t, r))
		}
		for name, h := range harms {
			t.Run(name, func(t *testing.T) {
				id := harmed
				f.harm(h.statement, id)
				var told []Difference
				r, err := Verify(t.Context(), f.db, f.Store, VerifyOptions{Difference: func(d Difference) { told = append(told, d) }})
				must(t, err)
				if r.Clean() || len(r.Samples) == 0 || len(told) != len(r.Samples) {
					t.Fatalf("it was not found: %+v", r)
				}
				d := r.Samples[0]
				if h.kind == KindSurplus {
					id = d.OrderID // the one that was made up
				}
				if d.Kind != h.kind || d.Field != h.field || d.OrderID != id || r.Different+r.Missing+r.Surplus > 2 {
					t.Errorf("found %+v, want %s of field %q of order %s", r, h.kind, h.field, id)
				}
				report, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{})
				must(t, err)
				if report.Different != r.Different || report.Missing != r.Missing || report.Surplus != r.Surplus {
					t.Errorf("the rebuild found %+v, the verification %+v", report, r)
				}
				f.verify()
			})
		}
	})
}

// TestVerify_parts has more rows than are read at once, with gaps and additions at the
// seams.
func TestVerify_parts(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	ids := f.placeMany(2*verifyRows + 1)
	f.project(Options{})
	f.verify()
	for _, i := range []int{0, verifyRows - 1, verifyRows, 2 * verifyRows} {
		f.exec(`DELETE FROM orders WHERE order_id = ?1`, ids[i][:])
	}
	r, err := Verify(t.Context(), f.db, f.Store, VerifyOptions{})
	must(t, err)
	if r.Missing != 4 || r.Different+r.Surplus != 0 || r.Orders != 2*verifyRows+1 || r.Events != r.Orders {
		t.Errorf("found %+v, want 4 missing", r)
	}
}

func TestVerify_counts(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		f.place("a")
		f.project(Options{})
		f.exec(`UPDATE checkpoints SET counts = '{"Pending":1,"Failed":2}' WHERE position > 0`)
		r, err := Verify(t.Context(), f.db, f.Store, VerifyOptions{})
		must(t, err)
		if r.Clean() || r.Counts != 1 || r.Orders != 1 || r.Samples[0].Field != "Failed" || r.Samples[0].Stored != "2" || r.Samples[0].Expected != "0" {
			t.Errorf("found %+v, want the count of Failed to be wrong", r)
		}
		r, err = Rebuild(t.Context(), f.db, f.Store, RebuildOptions{})
		must(t, err)
		if r.Counts != 1 || r.Orders != 1 || r.Samples[0].Field != "Failed" || r.Samples[0].Stored != "2" || r.Samples[0].Expected != "0" {
			t.Errorf("the rebuild mended %+v, want the count of Failed", r)
		}
		f.verify()
	})
}

func TestVerify_unreadableEvent(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	id, good := f.place("a"), f.place("b")
	f.project(Options{})
	schematest.Unprotect(t, f.db)
	f.exec(`UPDATE events SET data = '[]' WHERE stream_id = ?1`, id[:])
	r, err := Verify(t.Context(), f.db, f.Store, VerifyOptions{})
	must(t, err)
	if r.Different != 1 || len(r.Samples) != 1 || r.Samples[0].Kind != KindEvents || r.Samples[0].OrderID != id {
		t.Errorf("found %+v, want the events of order %s (and not of %s) unreadable", r, id, good)
	}
}

// TestVerify_lag: what is not applied yet is no difference.
func TestVerify_lag(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		id := f.place("a")
		f.project(Options{})
		f.do(id, complete("n", domain.Scheduling)...)
		f.place("b")
		r, err := Verify(t.Context(), f.db, f.Store, VerifyOptions{})
		must(t, err)
		if !r.Clean() || r.Lagging != 2 {
			t.Errorf("found %+v, want two orders that lag and no difference", r)
		}
	})
}

// TestVerify_running verifies again and again while orders are appended and applied:
// there must be no false alarm.
func TestVerify_running(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := partitioned(t, open(t)), random(t)
		ctx, stop := context.WithCancel(t.Context())
		p := NewProjector(f.db, f.Store, Options{BatchSize: 5, Linger: 1, OnError: func(err error) { t.Error(err) }})
		f.OnCommit(func(int, int64) { p.Wake() })
		var wg sync.WaitGroup
		wg.Go(func() { _ = p.Run(ctx) })
		done := make(chan struct{})
		wg.Go(func() {
			defer close(done)
			f.many(rng, 60)
		})
		var lagging int64
		for n := 0; ; n++ {
			r, err := Verify(t.Context(), f.db, f.Store, VerifyOptions{})
			must(t, err)
			if !r.Clean() {
				t.Fatalf("a false alarm: %+v", r)
			}
			lagging += r.Lagging
			select {
			case <-done:
				t.Logf("%d verifications, %d times an order lagged", n, lagging)
				stop()
				wg.Wait()
				return
			default:
			}
		}
	})
}
