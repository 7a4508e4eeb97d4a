package tail

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/projections/internal/logtest"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

func TestProjector_order(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		for _, batch := range []int{2, 7, 500} {
			f, rng := partitioned(t, open(t)), random(t)
			ids := f.Many(rng, 15)
			p := f.project(Config{BatchSize: batch})
			f.SameAsStreams(ids)
			// What it holds from before and what is new come together.
			ids = append(ids, f.Many(rng, 10)...)
			for _, id := range ids[:15] {
				if v, err := f.Views.Get(t.Context(), id); err == nil && v.Status == domain.StatusPending {
					f.Do(id, start(domain.Scheduling, 1, "late"))
				}
			}
			_, err := p.Round(t.Context())
			must(t, err)
			f.SameAsStreams(ids)
			f.verify()
		}
	})
}

// TestProjector_decisions: a batch never ends in the middle of what one decision
// recorded.
func TestProjector_decisions(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	a, b := f.Place(""), f.Place("")
	f.Do(a, complete("n", domain.Steps()...)...)
	f.Do(b, fail("n", 1)...)
	for size := 1; size < 24; size++ {
		f.Exec(`DELETE FROM orders`)
		f.Exec(`UPDATE checkpoints SET position = 0, counts = '{}'`)
		var log Log = f.Store
		o := Config{BatchSize: size}
		if size >= 12 { // the log gives fewer than it is asked for
			log, o = logtest.Sparing{Store: f.Store, Most: size - 10}, Config{}
		}
		p := NewProjector(f.DB, log, o)
		p.tails[0].fold, p.tails[0].counts = rows.NewFold(rows.TableOf(f.DB, rows.LiveTable), f.Store, nil), "{}"
		heads, err := f.Heads(t.Context())
		must(t, err)
		for p.tails[0].position < heads[0] {
			_, err := f.batch(p, 0)
			must(t, err)
			page, err := f.Views.List(t.Context(), projections.Filter{})
			must(t, err)
			for _, v := range page.Orders {
				s, err := v.Steps.Views()
				must(t, err)
				if s[3].Status == domain.StepStatusCompleted && v.Status != domain.StatusCompleted || s[0].Status == domain.StepStatusRolledBack && v.Status != domain.StatusFailed {
					t.Errorf("batches of %d: half a decision is shown: %s", size, string(v.AppendJSON(nil)))
				}
			}
		}
	}
}

// batch has a projector apply one batch.
func (f *fixture) batch(p *Projector, partition int) (applied int, err error) {
	f.T.Helper()
	heads, err := f.Heads(f.T.Context())
	must(f.T, err)
	tail := &p.tails[partition]
	ctx, cancel := context.WithCancel(f.T.Context())
	defer cancel()
	b := <-rows.Pages(ctx, tail.log, rows.Span{Partition: partition, After: tail.position, Until: heads[partition]}, p.conf.BatchSize)
	must(f.T, b.Err)
	if err := tail.apply(f.T.Context(), b.Events); err != nil {
		return 0, err
	}
	return len(b.Events), nil
}

// reads notes after which positions a log is read, and which streams.
type reads struct {
	Log
	mu    sync.Mutex
	after []int64
	loads int
}

func (l *reads) Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error) {
	l.mu.Lock()
	l.loads++
	l.mu.Unlock()
	return l.Log.Load(ctx, id)
}

func (l *reads) ReadLog(ctx context.Context, partition int, after int64, limit int) ([]domain.Recorded, error) {
	l.mu.Lock()
	l.after = append(l.after, after)
	l.mu.Unlock()
	return l.Log.ReadLog(ctx, partition, after, limit)
}

func TestProjector_restart(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		id := f.Place("a")
		f.Do(id, complete("n", domain.Scheduling)...)
		f.project(Config{})
		f.Do(id, start(domain.PreProcessing, 1, "n"))
		log := &reads{Log: f.Store}
		again := NewProjector(f.DB, log, Config{})
		s, err := again.Round(t.Context())
		must(t, err)
		if s.Applied != 1 || len(log.after) != 1 || log.after[0] != 3 {
			t.Fatalf("it applied %d events and read after %v, want 1 and after 3", s.Applied, log.after)
		}
		f.SameAsStreams([]domain.OrderID{id})
	})
}

// TestProjector_overtaken: a projector that was overtaken applies nothing, and takes
// rows that are ahead of it for what they are: it does not read streams to mend them.
func TestProjector_overtaken(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		for _, held := range []bool{true, false} {
			f := newFixture(t, open(t))
			id := f.Place("a")
			log := &reads{Log: f.Store}
			p := NewProjector(f.DB, log, Config{})
			_, err := p.Round(t.Context())
			must(t, err)
			partition := f.Partition(id)
			if !held {
				p.tails[partition].fold = p.tails[partition].fold.Again()
			}
			f.Do(id, complete("n", domain.Scheduling)...)
			f.project(Config{})
			n, err := f.batch(p, partition)
			if !errors.Is(err, rows.ErrFenced) || n != 0 || log.loads != 0 {
				t.Errorf("held %v: it applied %d events and read %d streams, err %v; want 0, 0, rows.ErrFenced", held, n, log.loads, err)
			}
			f.SameAsStreams([]domain.OrderID{id})
		}
	})
}

func TestProjector_atomic(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := []domain.OrderID{f.Place("a")}
		p := f.project(Config{})
		before, err := projections.Statuses(t.Context(), f.DB, f.Store)
		must(t, err)
		ids = append(ids, f.Place("b"))
		for i := range p.tails {
			p.tails[i].fold = rows.NewFold(rows.TableOf(f.DB, "nowhere"), f.Store, p.tails[i].fold.Counts())
		}
		// An engine that has one number for what it does not know calls it a row that is locked.
		if s, err := p.Round(t.Context()); err == nil && !s.Others || s.Applied != 0 {
			t.Fatalf("a batch that cannot be written: %+v, %v", s, err)
		}
		after, err := projections.Statuses(t.Context(), f.DB, f.Store)
		must(t, err)
		for i := range after {
			if after[i].Position != before[i].Position {
				t.Errorf("the checkpoint moved from %d to %d though the rows were not written", before[i].Position, after[i].Position)
			}
		}
		_, err = p.Round(t.Context())
		must(t, err)
		f.SameAsStreams(ids)
	})
}

// TestProjector_race has projectors of three processes at work while orders are
// appended. Every event must be applied just once: the events that they say they have
// applied add up to the log, and the rows are the folds of the streams.
func TestProjector_race(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := partitioned(t, open(t)), random(t)
		done := make(chan struct{})
		var wg sync.WaitGroup
		applied := make([]int, 3)
		for i := range applied {
			db := schematest.Again(f.T, f.DB)
			p := NewProjector(db, f.Store, Config{BatchSize: 3})
			wg.Go(func() {
				for last := false; ; {
					s, err := p.Round(context.Background())
					applied[i] += s.Applied
					if err != nil {
						t.Errorf("projector %d: %v", i, err)
						return
					}
					if last && !s.Others && s.Applied == 0 {
						return
					}
					select {
					case <-done:
						last = true
					default:
					}
				}
			})
		}
		ids := f.Many(rng, 60)
		close(done)
		wg.Wait()
		heads, err := f.Heads(t.Context())
		must(t, err)
		if sum := applied[0] + applied[1] + applied[2]; int64(sum) != rows.Total(heads) {
			t.Errorf("%v events were applied, the log has %d", applied, rows.Total(heads))
		}
		t.Logf("applied %v", applied)
		f.SameAsStreams(ids)
	})
}

func TestProjector_Run(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		rounds := make(chan struct{}, 1000)
		p := NewProjector(f.DB, f.Store, Config{Poll: 1 << 40, OnRound: func(error) { rounds <- struct{}{} }, OnError: func(err error) { t.Error(err) }})
		f.OnCommit(p.Wake)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		id := f.Place("a")
		f.Do(id, fail("n", 2)...)
		for {
			<-rounds
			var n int
			must(t, f.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM orders WHERE status = ?1`, "Failed").Scan(&n))
			if n == 1 {
				break
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Fatalf("it ended with %v, want nil", err)
		}
		f.SameAsStreams([]domain.OrderID{id})
	})
}

// TestProjector_mends breaks rows so that the projector would have to stop at them.
func TestProjector_mends(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		for name, harm := range map[string]string{
			"row gone":           `DELETE FROM orders WHERE order_id = ?1`,
			"version altered":    `UPDATE orders SET version = 1 WHERE order_id = ?1`,
			"version beyond":     `UPDATE orders SET version = 100 WHERE order_id = ?1`,
			"steps unreadable":   `UPDATE orders SET steps = '[' WHERE order_id = ?1`,
			"steps are not four": `UPDATE orders SET steps = '[]' WHERE order_id = ?1`,
			"status contradicts": `UPDATE orders SET status = 'Processing' WHERE order_id = ?1`,
		} {
			for _, held := range []bool{true, false} {
				if held && name == "status contradicts" {
					continue // a column that has not changed is not written: it is for Verify to find
				}
				f := newFixture(t, open(t))
				id := f.Place("a")
				f.Do(id, complete("n", domain.Scheduling)...)
				var told []string
				o := Config{OnError: func(err error) { told = append(told, err.Error()) }}
				p := f.project(o)
				f.Exec(harm, id[:])
				if !held {
					p = NewProjector(f.DB, f.Store, o)
				}
				other := f.Place("b")
				f.Do(id, start(domain.PreProcessing, 1, "n"))
				_, err := p.Round(t.Context())
				must(t, err)
				f.SameAsStreams([]domain.OrderID{id, other})
				if !held && (len(told) == 0 || !strings.Contains(told[0], id.String())) {
					t.Errorf("%s: it was not told that order %s was mended, but %q", name, id, told)
				}
			}
		}
		t.Run("surplus row", func(t *testing.T) {
			f := newFixture(t, open(t))
			id := f.Place("a")
			f.Exec(`INSERT INTO orders (order_id, version, status, placed_at, steps) VALUES (?1, 9, 'Failed', '2026-01-01T00:00:00.000000', '[]')`, id[:])
			f.project(Config{})
			f.SameAsStreams([]domain.OrderID{id})
		})
		t.Run("not beyond the batch", func(t *testing.T) {
			f := newFixture(t, open(t))
			id := f.Place("a")
			f.Do(id, start(domain.Scheduling, 1, "n"))
			p := f.project(Config{BatchSize: 2})
			f.Exec(`DELETE FROM orders`)
			f.Do(id, append([]domain.Command{domain.CompleteStep{Step: domain.Scheduling, Attempt: 1}}, complete("n", domain.PreProcessing)...)...)
			_, err := f.batch(p, f.Partition(id))
			must(t, err)
			var version int
			must(t, f.DB.QueryRowContext(t.Context(), `SELECT version FROM orders`).Scan(&version))
			if version != 4 {
				t.Errorf("the row is at version %d, the checkpoint at 4", version)
			}
			_, err = p.Round(t.Context())
			must(t, err)
			f.SameAsStreams([]domain.OrderID{id})
		})
		t.Run("no checkpoint", func(t *testing.T) {
			f := newFixture(t, open(t))
			id := f.Place("a")
			f.Do(id, complete("n", domain.Scheduling)...)
			f.project(Config{})
			f.Exec(`DELETE FROM checkpoints`)
			f.project(Config{})
			f.SameAsStreams([]domain.OrderID{id})
		})
	})
}

func TestProjector_hole(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	for range 4 {
		f.Place("")
	}
	p := NewProjector(f.DB, logtest.Hole{Store: f.Store}, Config{})
	if s, err := p.Round(t.Context()); !errors.Is(err, domain.ErrCorrupt) || s.Applied != 0 {
		t.Fatalf("it applied %d events of a log with a hole, err %v", s.Applied, err)
	}
}
