package rebuild

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// ErrRebuildRunning says that another rebuild is at work.
var ErrRebuildRunning = errors.New("another rebuild of the orders is running")

// lockPartition is the partition under which the lock of a rebuild stands among the
// checkpoints of the table it fills.
const lockPartition = -1

// rebuildLock is the right to rebuild. It is a row with a number that nobody else has and the time of
// the last sign of life. No clocks are compared: a rebuild that waits takes the lock over when the row
// has not changed for as long as stale, by its own watch.
type rebuildLock struct {
	db    *schema.DB
	token int64
	stale time.Duration
}

// takeLock gives the lock, or ErrRebuildRunning as soon as another one shows a sign
// of life. If another was left behind by a process that died, it takes as long as stale.
func takeLock(ctx context.Context, db *schema.DB, stale time.Duration) (*rebuildLock, error) {
	l := &rebuildLock{db: db, token: rand.Int64(), stale: stale}
	err := db.InTx(ctx, func(tx *schema.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO checkpoints (projection, partition, position, counts, updated_at)
			VALUES (?1, ?2, ?3, '{}', ?4)`, rows.NextTable, lockPartition, l.token, schema.TimeArg(time.Now()))
		return err
	})
	if errors.Is(err, schema.ErrDuplicateKey) {
		return l.await(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the rebuild: %w", rows.Classify(db, err))
	}
	return l, nil
}

// await watches another's lock, and takes it over when it has not changed for long
// enough.
func (l *rebuildLock) await(ctx context.Context) (*rebuildLock, error) {
	first, there, err := l.read(ctx)
	for begun := time.Now(); err == nil; {
		if !there {
			return takeLock(ctx, l.db, l.stale)
		}
		if time.Since(begun) >= l.stale {
			return l.takeOver(ctx, first)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(l.stale / 20):
		}
		var now rows.Checkpoint
		if now, there, err = l.read(ctx); there && (now.Position != first.Position || !now.Updated.Equal(first.Updated)) {
			return nil, ErrRebuildRunning
		}
	}
	return nil, fmt.Errorf("lock the rebuild: %w", rows.Classify(l.db, err))
}

func (l *rebuildLock) read(ctx context.Context) (found rows.Checkpoint, there bool, err error) {
	all, err := rows.ReadCheckpoints(ctx, l.db, rows.NextTable)
	found, there = all[lockPartition]
	return found, there, err
}

func (l *rebuildLock) takeOver(ctx context.Context, old rows.Checkpoint) (*rebuildLock, error) {
	var taken bool
	err := l.db.InTx(ctx, func(tx *schema.Tx) (err error) {
		taken, err = rows.OneRow(tx.ExecContext(ctx, `UPDATE checkpoints SET position = ?1, updated_at = ?2
			WHERE projection = ?3 AND partition = ?4 AND position = ?5 AND updated_at = ?6`,
			l.token, schema.TimeArg(time.Now()), rows.NextTable, lockPartition, old.Position, schema.TimeArg(old.Updated)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lock the rebuild: %w", rows.Classify(l.db, err))
	}
	if !taken {
		return nil, ErrRebuildRunning
	}
	return l, nil
}

// renew gives a sign of life, in a transaction that is void if the lock is lost. It changes the row, so that
// whoever takes the lock over waits for the transaction, and then finds the time of another sign.
func (l *rebuildLock) renew(ctx context.Context, tx *schema.Tx) error {
	held, err := rows.OneRow(tx.ExecContext(ctx, `UPDATE checkpoints SET updated_at = ?1 WHERE projection = ?2 AND partition = ?3 AND position = ?4`,
		schema.TimeArg(time.Now()), rows.NextTable, lockPartition, l.token))
	if err == nil && !held {
		return fmt.Errorf("%w: it has taken over", ErrRebuildRunning)
	}
	return err
}

// inTx runs f in a transaction that holds the lock.
func (l *rebuildLock) inTx(ctx context.Context, f func(*schema.Tx) error) error {
	return rows.Classify(l.db, l.db.InTx(ctx, l.held(ctx, f)))
}

// inTxBrief is inTx with a bound to each wait for a lock (see schema.DB.InTxBrief).
func (l *rebuildLock) inTxBrief(ctx context.Context, most time.Duration, f func(*schema.Tx) error) error {
	return rows.Classify(l.db, l.db.InTxBrief(ctx, most, l.held(ctx, f)))
}

// held is f behind a sign of life.
func (l *rebuildLock) held(ctx context.Context, f func(*schema.Tx) error) func(*schema.Tx) error {
	return func(tx *schema.Tx) error {
		if err := l.renew(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	}
}

// keep renews the lock until ctx ends. If the lock is lost, keep calls cancel.
func (l *rebuildLock) keep(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(l.stale / 5)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := l.inTx(ctx, func(*schema.Tx) error { return nil }); errors.Is(err, ErrRebuildRunning) {
			cancel(err)
			return
		}
		// Any other error passes, or the work itself meets it.
	}
}

// release ends the lock, if it is still held.
func (l *rebuildLock) release(ctx context.Context) error {
	return l.inTx(ctx, func(tx *schema.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM checkpoints WHERE projection = ?1`, rows.NextTable)
		return err
	})
}
