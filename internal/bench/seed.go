package bench

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/projections/rebuild"
	"orderflow/projections/verify"
	"orderflow/schema"
)

const (
	// sideBySide is how many generated orders are worked on at the same time, so that their
	// events lie in the log as those of a busy system do.
	sideBySide = 100
	// ordersPerCommit is how many generated orders share a transaction.
	ordersPerCommit = 1000
	// failsEvery: one generated order of so many fails, at one step after the other.
	failsEvery = 20
	// seedEvery is the time between two generated orders.
	seedEvery = 10 * time.Millisecond
)

// seed fills the log of a migrated database up to n generated orders that have ended,
// where there may be some already. It writes past the event store, which nothing else
// may do, and says how many events it wrote. There are no views of them yet.
func seed(ctx context.Context, db *schema.DB, store *eventstore.Store, n int, progress func(done int)) (events int64, err error) {
	w := seeder{store: store}
	if w.heads, err = store.Heads(ctx); err != nil {
		return 0, err
	}
	there, err := seeds(ctx, db, n)
	if err != nil {
		return 0, err
	}
	for _, h := range w.heads {
		events -= h
	}
	first := time.Now().Add(-time.Duration(n)*seedEvery - time.Hour).UTC().Truncate(time.Microsecond)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for b := range w.batches(ctx, there, n, first) { // the next is made while this one is written
		if b.err == nil {
			b.err = db.InTx(ctx, func(tx *schema.Tx) error { return b.write(ctx, tx) })
		}
		if b.err != nil {
			return 0, fmt.Errorf("generate orders up to %d: %w", b.done, b.err)
		}
		if progress != nil {
			progress(b.done)
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for _, h := range w.heads {
		events += h
	}
	return events, nil
}

// seeds is how many generated orders there are, n at most. They have the numbers from 0.
func seeds(ctx context.Context, db *schema.DB, n int) (int, error) {
	var failed error
	there := sort.Search(n, func(i int) bool {
		var found int
		key := trackingKey(tracking("seed", i))
		err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM reservations WHERE key_hash = ?1`, key[:]).Scan(&found)
		failed = errors.Join(failed, db.Translate(err))
		return found == 0
	})
	return there, failed
}

// trackingKey is how the key of a tracking id is stored.
func trackingKey(id string) [sha256.Size]byte {
	return domain.KeyHash(domain.ReservedKey("", domain.KeyTracking, id))
}

// fingerprintOf is how the content of an order is stored beside its key.
func fingerprintOf(o domain.OrderPlaced) [sha256.Size]byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(o.TrackingID)))
	return sha256.Sum256(slices.Concat(b, []byte(o.TrackingID), o.Detail))
}

type seeder struct {
	store *eventstore.Store
	heads []int64 // by partition
}

// seedBatch is what one transaction writes.
type seedBatch struct {
	firsts []domain.Recorded // of the orders
	events []domain.Recorded // in the order of the log
	heads  []int64           // after them, by partition
	done   int               // orders, with those before
	err    error
}

// batches makes orders up to n. The channel is closed after the last, and when ctx ends.
func (w *seeder) batches(ctx context.Context, done, n int, first time.Time) <-chan seedBatch {
	all := make(chan seedBatch)
	go func() {
		defer close(all)
		for done < n {
			var b seedBatch
			for range ordersPerCommit / sideBySide {
				count := min(sideBySide, n-done)
				b.err = errors.Join(b.err, w.add(&b, done, count, first.Add(time.Duration(done)*seedEvery)))
				done += count
			}
			b.done, b.heads = done, slices.Clone(w.heads)
			select {
			case all <- b:
			case <-ctx.Done():
				return
			}
		}
	}()
	return all
}

// add adds orders that were worked on side by side.
func (w *seeder) add(b *seedBatch, first, n int, placed time.Time) error {
	histories := make([][]domain.Recorded, n)
	longest := 0
	for i := range histories {
		failing := -1
		if number := first + i; number%failsEvery == failsEvery-1 {
			failing = number / failsEvery % domain.StepCount
		}
		at := placed.Add(time.Duration(i) * seedEvery)
		all, err := history(newID(at), tracking("seed", first+i), at, failing)
		if err != nil {
			return err
		}
		histories[i], longest = all, max(longest, len(all))
	}
	for version := range longest {
		for _, all := range histories {
			if version < len(all) {
				w.put(all, version)
				b.events = append(b.events, all[version])
			}
		}
	}
	for _, all := range histories {
		b.firsts = append(b.firsts, all[0])
	}
	return nil
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

func (b *seedBatch) write(ctx context.Context, tx *schema.Tx) error {
	for partition, head := range b.heads {
		if _, err := tx.ExecContext(ctx, `UPDATE heads SET head = ?1 WHERE partition = ?2`, head, partition); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(b.events, rowsPerInsert) {
		args := make([]any, 0, len(part)*eventColumns)
		for _, r := range part {
			args = appendRow(args, r)
		}
		if _, err := tx.ExecContext(ctx, insertRows("events", len(part)), args...); err != nil {
			return err
		}
	}
	const columns = 4
	return schema.Rows(len(b.firsts), columns, func(from, to int, values string) error {
		args := make([]any, 0, (to-from)*columns)
		for _, first := range b.firsts[from:to] {
			placed := first.Event.(domain.OrderPlaced)
			key, fingerprint := trackingKey(placed.TrackingID), fingerprintOf(placed)
			args = append(args, key[:], first.OrderID[:], fingerprint[:], schema.TimeArg(first.RecordedAt))
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO reservations (key_hash, order_id, fingerprint, created_at) VALUES `+values, args...)
		return err
	})
}

// seeded runs do on a database, made if need be, with n generated orders, and tells it how
// many events were generated now.
func (r *run) seeded(ctx context.Context, dsn string, n int, do func(*schema.DB, *eventstore.Store, int64) error) (err error) {
	db, err := schema.Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.Migrate(ctx); err != nil {
		return err
	}
	store, err := eventstore.Open(ctx, db, eventstore.Config{})
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
func (r *run) rebuild(ctx context.Context, db *schema.DB, store *eventstore.Store) (verify.Report, error) {
	last := time.Now()
	return rebuild.Run(ctx, db, store, rebuild.Config{Progress: func(p verify.Progress) {
		if time.Since(last) > 5*time.Second {
			last = time.Now()
			r.Progress("rebuild, %s: %d of %d", p.Phase, p.Done, p.Total)
		}
	}})
}
