package tail

import (
	"context"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/projections/internal/logtest"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// slow is a log that takes some time for each event.
type slow struct {
	Log
	each time.Duration
}

func (l slow) ReadLog(ctx context.Context, partition int, after int64, limit int) ([]domain.Recorded, error) {
	events, err := l.Log.ReadLog(ctx, partition, after, limit)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Duration(len(events)) * l.each):
		return events, err
	}
}

// placeFirst places orders in the first partition.
func (f *fixture) placeFirst(n int) (ids []domain.OrderID) {
	f.T.Helper()
	var wg sync.WaitGroup
	for len(ids) < n {
		if id := f.NewID(); f.Partition(id) == 0 {
			ids = append(ids, id)
			wg.Go(func() { f.Do(id, logtest.Placing("", 0)) })
		}
	}
	wg.Wait()
	return ids
}

// TestProjector_slow: where the database is too slow for a batch, batches become smaller, until one is done in
// time, and then larger again.
func TestProjector_slow(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.placeFirst(200)
		log := &slow{Log: f.Store, each: 4 * time.Millisecond}
		p := NewProjector(f.DB, log, Config{
			BatchSize: 250,
			MaxLinger: 50 * time.Millisecond,
			bounds:    bounds{row: 20 * time.Millisecond, batch: 400 * time.Millisecond, silent: patience},
			OnError:   func(err error) { t.Log(err) },
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		f.await("the views follow", func() bool { there, _ := f.lag(0); return there == 0 })
		stop()
		must(t, <-ended)
		log.each = 0
		f.await("batches are as large as before", func() bool {
			ids = append(ids, f.placeFirst(1)...)
			_, _ = p.Round(t.Context()) // what fails is tried again
			return p.tails[0].halved == 0
		})
		f.SameAsStreams(ids)
	})
}

// TestProjector_heldUp: when a stranger has gone that held up a batch until it was given up, the views follow soon.
func TestProjector_heldUp(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.placeFirst(2)
		f.project(Config{})
		ids = append(ids, f.placeFirst(2)...)
		release := schematest.Hold(t, f.DB, int64(f.Store.Partitions()), `UPDATE checkpoints SET updated_at = ?1 WHERE projection = 'orders'`, schema.TimeArg(time.Now()))
		failed := make(chan error, 100)
		p := NewProjector(f.DB, f.Store, Config{
			bounds:  bounds{row: 100 * time.Millisecond, batch: 2 * time.Second, silent: time.Second},
			OnError: func(err error) { failed <- err },
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		t.Log(<-failed)
		release()
		gone := time.Now()
		f.await("the views follow", func() bool { there, _ := f.lag(0); return there == 0 })
		if took, most := time.Since(gone), 9*time.Second; took > most {
			t.Errorf("that took %s, want %s at most", took, most)
		}
		stop()
		must(t, <-ended)
		f.SameAsStreams(ids)
	})
}
