package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/projections/rebuild"
	"orderflow/projections/tail"
	"orderflow/projections/verify"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// harms are ways to alter the view behind the system's back, the kind of difference
// and the field that Verify must name. ?1 is an order that has completed two steps.
var harms = map[string]struct{ statement, kind, field string }{
	"status":       {`UPDATE orders SET status = 'Completed' WHERE order_id = ?1`, verify.KindDifferent, "status"},
	"step":         {`UPDATE orders SET current_step = NULL WHERE order_id = ?1`, verify.KindDifferent, "current_step"},
	"node":         {`UPDATE orders SET node = 'N' WHERE order_id = ?1`, verify.KindDifferent, "node"},
	"placed":       {`UPDATE orders SET placed_at = '2001-01-01T00:00:00.000000' WHERE order_id = ?1`, verify.KindDifferent, "placed_at"},
	"started":      {`UPDATE orders SET started_at = NULL WHERE order_id = ?1`, verify.KindDifferent, "started_at"},
	"completed":    {`UPDATE orders SET completed_at = placed_at WHERE order_id = ?1`, verify.KindDifferent, "completed_at"},
	"tracking":     {`UPDATE orders SET tracking_id = 'B' WHERE order_id = ?1`, verify.KindDifferent, "tracking_id"},
	"customer":     {`UPDATE orders SET customer = 'A' WHERE order_id = ?1`, verify.KindDifferent, "customer"},
	"retry_of":     {`UPDATE orders SET retry_of = '01000000-0000-0000-0000-000000000001' WHERE order_id = ?1`, verify.KindDifferent, "retry_of"},
	"request":      {`UPDATE orders SET request = '{"what":"cancel","reason":"","now":false}' WHERE order_id = ?1`, verify.KindDifferent, "request"},
	"detail":       {`UPDATE orders SET detail = REPLACE(detail, 'text', 'TEXT') WHERE order_id = ?1`, verify.KindDifferent, "detail"},
	"steps":        {`UPDATE orders SET steps = REPLACE(steps, '"attempt":1', '"attempt":2') WHERE order_id = ?1`, verify.KindDifferent, "steps.Scheduling.attempt"},
	"steps case":   {`UPDATE orders SET steps = REPLACE(steps, '"node":"n"', '"node":"N"') WHERE order_id = ?1`, verify.KindDifferent, "steps.Scheduling.node"},
	"steps layout": {`UPDATE orders SET steps = REPLACE(steps, ',', ', ') WHERE order_id = ?1`, verify.KindDifferent, "steps"},
	"no steps":     {`UPDATE orders SET steps = 'none' WHERE order_id = ?1`, verify.KindDifferent, "steps"},
	"version low":  {`UPDATE orders SET version = 3 WHERE order_id = ?1`, verify.KindStale, "version"},
	"version high": {`UPDATE orders SET version = 9 WHERE order_id = ?1`, verify.KindDifferent, "version"},
	"version zero": {`UPDATE orders SET version = 0 WHERE order_id = ?1`, verify.KindDifferent, "version"},
	"missing":      {`DELETE FROM orders WHERE order_id = ?1`, verify.KindMissing, ""},
	"surplus": {`INSERT INTO orders (order_id, version, status, placed_at, steps) SELECT CAST('0123456789abcdef' AS BINARY(16)), version, status, placed_at, steps
		FROM orders WHERE order_id = ?1`, verify.KindSurplus, ""},
	"surplus first": {`INSERT INTO orders (order_id, version, status, placed_at, steps) SELECT 0x00000000000000000000000000000001, version, status, placed_at, steps
		FROM orders WHERE order_id = ?1`, verify.KindSurplus, ""},
	"surplus last": {`INSERT INTO orders (order_id, version, status, placed_at, steps) SELECT 0xffffffffffffffffffffffffffffffff, version, status, placed_at, steps
		FROM orders WHERE order_id = ?1`, verify.KindSurplus, ""},
	"moved": {`UPDATE orders SET order_id = CAST('0123456789abcdef' AS BINARY(16)) WHERE order_id = ?1`, verify.KindMissing, ""},
}

// harm gives the statement in the dialect of the database.
func (f *fixture) harm(statement string, id domain.OrderID) {
	f.T.Helper()
	if f.DB.Dialect().Name() == "sqlite" {
		statement = strings.ReplaceAll(statement, "AS BINARY(16)", "AS BLOB")
		statement = regexp.MustCompile("0x([0-9a-f]{32})").ReplaceAllString(statement, "x'$1'")
	}
	f.Exec(statement, id[:])
}

func TestVerify(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := partitioned(t, open(t)), random(t)
		f.Many(rng, 10)
		harmed := f.Place("A")
		f.Do(harmed, complete("n", domain.Steps()[:2]...)...)
		f.Many(rng, 5)
		f.project()
		r := f.verify()
		if text, err := json.Marshal(r); err != nil || r.Orders != 16 || !bytes.Contains(text, []byte(`"samples":[]`)) {
			t.Fatalf("%s, %v; want 16 orders and no samples", text, err)
		}
		for name, h := range harms {
			t.Run(name, func(t *testing.T) {
				id := harmed
				f.harm(h.statement, id)
				r, err := verify.Run(t.Context(), f.DB, f.Store, verify.Config{})
				must(t, err)
				if r.Clean() || len(r.Samples) == 0 {
					t.Fatalf("it was not found: %+v", r)
				}
				d := r.Samples[0]
				if h.kind == verify.KindSurplus {
					id = d.OrderID // the one that was made up
				}
				if d.Kind != h.kind || d.Field != h.field || d.OrderID != id || r.Different+r.Missing+r.Surplus > 2 {
					t.Errorf("found %+v, want %s of field %q of order %s", r, h.kind, h.field, id)
				}
				report, err := rebuild.Run(t.Context(), f.DB, f.Store, rebuild.Config{})
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
	ids := f.PlaceMany(2*verify.PartRows + 1)
	f.project()
	f.verify()
	for _, i := range []int{0, verify.PartRows - 1, verify.PartRows, 2 * verify.PartRows} {
		f.Exec(`DELETE FROM orders WHERE order_id = ?1`, ids[i][:])
	}
	r, err := verify.Run(t.Context(), f.DB, f.Store, verify.Config{})
	must(t, err)
	if r.Missing != 4 || r.Different+r.Surplus != 0 || r.Orders != 2*verify.PartRows+1 || r.Events != r.Orders {
		t.Errorf("found %+v, want 4 missing", r)
	}
}

func TestVerify_counts(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		f.Place("a")
		f.project()
		f.Exec(`UPDATE checkpoints SET counts = '{"Pending":1,"Failed":2}' WHERE position > 0`)
		r, err := verify.Run(t.Context(), f.DB, f.Store, verify.Config{})
		must(t, err)
		if r.Clean() || r.Counts != 1 || r.Orders != 1 || r.Samples[0].Field != "Failed" || r.Samples[0].Stored != "2" || r.Samples[0].Expected != "0" {
			t.Errorf("found %+v, want the count of Failed to be wrong", r)
		}
		r, err = rebuild.Run(t.Context(), f.DB, f.Store, rebuild.Config{})
		must(t, err)
		if r.Counts != 1 || r.Orders != 1 || r.Samples[0].Field != "Failed" || r.Samples[0].Stored != "2" || r.Samples[0].Expected != "0" {
			t.Errorf("the rebuild mended %+v, want the count of Failed", r)
		}
		f.verify()
	})
}

func TestVerify_unreadableEvent(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	id, good := f.Place("a"), f.Place("b")
	f.project()
	schematest.Unprotect(t, f.DB)
	f.Exec(`UPDATE events SET data = '[]' WHERE stream_id = ?1`, id[:])
	r, err := verify.Run(t.Context(), f.DB, f.Store, verify.Config{})
	must(t, err)
	if r.Different != 1 || len(r.Samples) != 1 || r.Samples[0].Kind != verify.KindEvents || r.Samples[0].OrderID != id {
		t.Errorf("found %+v, want the events of order %s (and not of %s) unreadable", r, id, good)
	}
}

// TestPart walks over the orders in parts: it meets each once, and finds what is different, missing and surplus.
func TestPart(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.PlaceMany(7)
		slices.SortFunc(ids, func(a, b domain.OrderID) int { return bytes.Compare(a[:], b[:]) })
		f.project()
		surplus := ids[2]
		surplus[15]++
		f.Exec(`UPDATE orders SET status = 'Failed' WHERE order_id = ?1`, ids[1][:])
		f.Exec(`INSERT INTO orders (order_id, version, status, placed_at, steps) SELECT ?2, version, status, placed_at, steps FROM orders WHERE order_id = ?1`, ids[2][:], surplus[:])
		f.Exec(`DELETE FROM orders WHERE order_id = ?1`, ids[6][:])
		r, parts := verify.NewReport(), 0
		for after := (domain.OrderID{}); after != verify.LastID; parts++ {
			next, err := f.Store.NextStreams(t.Context(), after, 2)
			must(t, err)
			end := verify.LastID
			if len(next) == 2 {
				end = next[1]
			}
			after, err = verify.Part(t.Context(), f.DB, f.Store, after, end, &r)
			must(t, err)
		}
		if parts != 4 || r.Orders != 8 || r.Different != 1 || r.Missing != 1 || r.Surplus != 1 {
			t.Errorf("in %d parts found %+v; want 4 parts, 8 orders and one each that is different, missing and surplus", parts, r)
		}
	})
}

// TestVerify_lag: what is not applied yet is no difference.
func TestVerify_lag(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		id := f.Place("a")
		f.project()
		f.Do(id, complete("n", domain.Scheduling)...)
		f.Place("b")
		r, err := verify.Run(t.Context(), f.DB, f.Store, verify.Config{})
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
		p := tail.NewProjector(f.DB, f.Store, tail.Config{BatchSize: 5, Linger: 1, OnError: func(err error) { t.Error(err) }})
		f.OnCommit(p.Wake)
		var wg sync.WaitGroup
		wg.Go(func() { _ = p.Run(ctx) })
		done := make(chan struct{})
		wg.Go(func() {
			defer close(done)
			f.Many(rng, 60)
		})
		var lagging int64
		for n := 0; ; n++ {
			r, err := verify.Run(t.Context(), f.DB, f.Store, verify.Config{})
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
