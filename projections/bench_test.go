package projections

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/projections/internal/logtest"
	"orderflow/projections/internal/rows"
	"orderflow/projections/rebuild"
	"orderflow/projections/tail"
	"orderflow/projections/verify"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

const benchOrders = 10_000 // of ten events each

// benchStore is a log of completed orders that were worked on side by side. The events
// are written straight into the table: how they came there is not measured.
func benchStore(b *testing.B) *fixture {
	b.Helper()
	f := newFixture(b, schematest.SQLite(b))
	const together = 200
	for range benchOrders / together {
		ids := make([]domain.OrderID, together)
		for i := range ids {
			ids[i] = f.NewID()
		}
		commands := append([]domain.Command{logtest.Placing("track", 1)}, complete("node-1", domain.Steps()...)...)
		for _, c := range commands {
			var wg sync.WaitGroup
			for _, id := range ids {
				wg.Go(func() { f.Do(id, c) })
			}
			wg.Wait()
		}
	}
	return f
}

func perEvent(b *testing.B, f *fixture, run func()) {
	b.Helper()
	heads, err := f.Heads(context.Background())
	must(b, err)
	before, cpu := f.DB.Stats().Statements, cpuTime()
	for b.Loop() {
		run()
	}
	events := float64(rows.Total(heads)) * float64(b.N)
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(f.DB.Stats().Statements-before)/events*10_000, "statements/1000orders")
	b.ReportMetric((cpuTime()-cpu).Seconds()*1e6/events, "cpu-µs/event") // other programs on the machine do not blur it
	b.ReportMetric(0, "ns/op")
}

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkRebuild(b *testing.B) {
	f := benchStore(b)
	f.project(tail.Config{})
	perEvent(b, f, func() {
		_, err := rebuild.Run(context.Background(), f.DB, f.Store, rebuild.Config{})
		must(b, err)
	})
}

// BenchmarkProjector catches up from the beginning.
func BenchmarkProjector(b *testing.B) {
	f := benchStore(b)
	for _, size := range []int{50, 500, 5000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			perEvent(b, f, func() {
				f.clear()
				f.project(tail.Config{BatchSize: size})
			})
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	f := benchStore(b)
	f.project(tail.Config{})
	perEvent(b, f, func() {
		r, err := verify.Run(b.Context(), f.DB, f.Store, verify.Config{})
		must(b, err)
		if !r.Clean() {
			b.Fatal(r)
		}
	})
}

// BenchmarkList is a page of 50 orders as it goes out.
func BenchmarkList(b *testing.B) {
	f := newFixture(b, schematest.SQLite(b))
	for _, id := range f.PlaceMany(300) {
		f.Do(id, complete("node-1", domain.Steps()...)...)
	}
	f.project(tail.Config{})
	for name, filter := range map[string]Filter{
		"all":          {},
		"one status":   {Status: []domain.Status{domain.StatusCompleted}},
		"six statuses": {Status: append(domain.Statuses()[:5:5], domain.StatusCompleted)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var text []byte
			cpu := cpuTime()
			for b.Loop() {
				page, err := f.views.List(b.Context(), filter)
				must(b, err)
				text = page.AppendJSON(text[:0])
				if len(text) < 50_000 {
					b.Fatal(len(text))
				}
			}
			b.ReportMetric((cpuTime()-cpu).Seconds()*1e6/float64(b.N), "cpu-µs/op")
		})
	}
}

// BenchmarkReadLog is the part of a rebuild that is the event store's.
func BenchmarkReadLog(b *testing.B) {
	f := benchStore(b)
	perEvent(b, f, func() {
		for after := int64(0); ; {
			events, err := f.ReadLog(context.Background(), 0, after, 5000)
			must(b, err)
			if len(events) == 0 {
				return
			}
			after += int64(len(events))
		}
	})
}

func (f *fixture) clear() {
	f.T.Helper()
	must(f.T, f.DB.InTx(context.Background(), func(tx *schema.Tx) error {
		if _, err := tx.ExecContext(context.Background(), `DELETE FROM orders`); err != nil {
			return err
		}
		_, err := tx.ExecContext(context.Background(), `UPDATE checkpoints SET position = 0, counts = '{}'`)
		return err
	}))
}
