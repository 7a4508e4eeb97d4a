package bench

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/projections"
	"orderflow/schema"
)

const (
	// sideBySide is how many generated orders are worked on at the same time, so that their
	// events lie in the log as those of a busy system do.
	sideBySide = 100
	// failsEvery: one generated order of so many fails, at one step after the other.
	failsEvery = 20
	// seedEvery is the time between two generated orders.
	seedEvery = 10 * time.Millisecond
)

// seed fills the log of an empty, migrated database with n orders that have ended. It
// writes past the event store, which nothing else may do, and says how many events it
// wrote. There are no views of them yet.
func seed(ctx context.Context, db *schema.DB, store *eventstore.Store, n int, progress func(done int)) (events int64, err error) {
	w := seeder{db: db, store: store, historian: historian{domain.NewCodec()}, heads: make([]int64, store.Partitions())}
	first := time.Now().Add(-time.Duration(n)*seedEvery - time.Hour).UTC().Truncate(time.Microsecond)
	for done := 0; done < n; {
		count := min(sideBySide, n-done)
		if err := w.batch(ctx, done, count, first.Add(time.Duration(done)*seedEvery)); err != nil {
			return 0, fmt.Errorf("generate orders from %d on: %w", done, err)
		}
		if done += count; progress != nil {
			progress(done)
		}
	}
	for _, h := range w.heads {
		events += h
	}
	return events, nil
}

type seeder struct {
	historian
	db    *schema.DB
	store *eventstore.Store
	heads []int64 // by partition
}

// batch writes orders that were worked on side by side.
func (w *seeder) batch(ctx context.Context, first, n int, placed time.Time) error {
	histories := make([][]domain.Recorded, n)
	longest := 0
	for i := range histories {
		failing := -1
		if number := first + i; number%failsEvery == failsEvery-1 {
			failing = number / failsEvery % domain.StepCount
		}
		at := placed.Add(time.Duration(i) * seedEvery)
		all, err := w.history(newID(at), tracking("seed", first+i), at, failing)
		if err != nil {
			return err
		}
		histories[i], longest = all, max(longest, len(all))
	}
	var events []domain.Recorded
	for version := range longest {
		for _, all := range histories {
			if version < len(all) {
				w.put(all, version)
				events = append(events, all[version])
			}
		}
	}
	return w.db.InTx(ctx, func(tx *schema.Tx) error { return w.write(ctx, tx, histories, events) })
}

// put gives an event its place in the log, and its hash.
func (w *seeder) put(all []domain.Recorded, i int) {
	r := &all[i]
	r.Partition = w.store.Partition(r.OrderID)
	w.heads[r.Partition]++
	r.Position = w.heads[r.Partition]
	var previous []byte
	if i > 0 {
		previous = all[i-1].Hash
	}
	r.Hash = eventstore.Hash(previous, *r)
}

func (w *seeder) write(ctx context.Context, tx *schema.Tx, histories [][]domain.Recorded, events []domain.Recorded) error {
	for partition, head := range w.heads {
		if _, err := tx.ExecContext(ctx, `UPDATE heads SET head = ?1 WHERE partition = ?2`, head, partition); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(events, rowsPerInsert) {
		args := make([]any, 0, len(part)*eventColumns)
		for _, r := range part {
			args = appendRow(args, r)
		}
		if _, err := tx.ExecContext(ctx, insertRows(tx.Dialect(), "events", len(part)), args...); err != nil {
			return err
		}
	}
	const columns = 4
	return schema.Rows(len(histories), columns, func(from, to int, values string) error {
		args := make([]any, 0, (to-from)*columns)
		for _, all := range histories[from:to] {
			first := all[0]
			key := sha256.Sum256([]byte("tracking:" + first.Event.(domain.OrderPlaced).TrackingID))
			args = append(args, key[:], first.OrderID[:], first.Hash, schema.TimeArg(first.RecordedAt)) // nobody asks for the fingerprint
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO reservations (key_hash, order_id, fingerprint, created_at) VALUES `+values, args...)
		return err
	})
}

// seeded runs do on a new database with n generated orders.
func (r *run) seeded(ctx context.Context, dsn string, n int, do func(*schema.DB, *eventstore.Store, int64) error) (err error) {
	db, err := schema.Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.Migrate(ctx); err != nil {
		return err
	}
	store, err := eventstore.Open(ctx, db, eventstore.Options{})
	if err != nil {
		return err
	}
	last := time.Now()
	events, err := seed(ctx, db, store, n, func(done int) {
		if time.Since(last) > 5*time.Second {
			last = time.Now()
			r.Progress("generated %d of %d orders", done, n)
		}
	})
	if err != nil {
		return err
	}
	return do(db, store, events)
}

// rebuild makes the views of a generated log.
func (r *run) rebuild(ctx context.Context, db *schema.DB, store *eventstore.Store) (projections.Report, error) {
	last := time.Now()
	return projections.Rebuild(ctx, db, store, projections.RebuildOptions{Progress: func(p projections.Progress) {
		if time.Since(last) > 5*time.Second {
			last = time.Now()
			r.Progress("rebuild, %s: %d of %d", p.Phase, p.Done, p.Total)
		}
	}})
}
