package projections

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"orderflow/schema"
)

// ErrRebuildRunning says that another rebuild is at work.
var ErrRebuildRunning = errors.New("another rebuild of the orders is running")

// claimPartition is the partition under which the claim of a rebuild stands among the
// checkpoints of the table it fills.
const claimPartition = -1

// claim is the right to rebuild: a row that holds a number nobody else has and the time
// of the last sign of life. No clocks are compared: a claim that has not changed for as
// long as stale, by the watch of the one who waits, is nobody's.
type claim struct {
	db    *schema.DB
	token int64
	stale time.Duration
}

// takeClaim gives the claim, or ErrRebuildRunning as soon as another one shows a sign
// of life. If another was left behind by a process that died, it takes as long as stale.
func takeClaim(ctx context.Context, db *schema.DB, stale time.Duration) (*claim, error) {
	c := &claim{db: db, token: rand.Int64(), stale: stale}
	err := db.InTx(ctx, func(tx *schema.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO checkpoints (projection, partition, position, counts, updated_at)
			VALUES (?1, ?2, ?3, '{}', ?4)`, next, claimPartition, c.token, schema.TimeArg(time.Now()))
		return err
	})
	if errors.Is(err, schema.ErrDuplicateKey) {
		return c.await(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("claim the rebuild: %w", classify(db, err))
	}
	return c, nil
}

// await watches another's claim, and takes it over when it has not changed for long
// enough.
func (c *claim) await(ctx context.Context) (*claim, error) {
	first, there, err := c.read(ctx)
	for begun := time.Now(); err == nil; {
		if !there {
			return takeClaim(ctx, c.db, c.stale)
		}
		if time.Since(begun) >= c.stale {
			return c.takeOver(ctx, first)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(c.stale / 20):
		}
		var now checkpoint
		if now, there, err = c.read(ctx); there && (now.position != first.position || !now.updated.Equal(first.updated)) {
			return nil, ErrRebuildRunning
		}
	}
	return nil, fmt.Errorf("claim the rebuild: %w", classify(c.db, err))
}

func (c *claim) read(ctx context.Context) (found checkpoint, there bool, err error) {
	all, err := readCheckpoints(ctx, c.db, next)
	found, there = all[claimPartition]
	return found, there, err
}

func (c *claim) takeOver(ctx context.Context, old checkpoint) (*claim, error) {
	var taken bool
	err := c.db.InTx(ctx, func(tx *schema.Tx) (err error) {
		taken, err = oneRow(tx.ExecContext(ctx, `UPDATE checkpoints SET position = ?1, updated_at = ?2
			WHERE projection = ?3 AND partition = ?4 AND position = ?5 AND updated_at = ?6`,
			c.token, schema.TimeArg(time.Now()), next, claimPartition, old.position, schema.TimeArg(old.updated)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim the rebuild: %w", classify(c.db, err))
	}
	if !taken {
		return nil, ErrRebuildRunning
	}
	return c, nil
}

// renew gives a sign of life, in a transaction that is void if the claim is lost.
func (c *claim) renew(ctx context.Context, tx *schema.Tx) error {
	held, err := oneRow(tx.ExecContext(ctx, `UPDATE checkpoints SET updated_at = ?1 WHERE projection = ?2 AND partition = ?3 AND position = ?4`,
		schema.TimeArg(time.Now()), next, claimPartition, c.token))
	if err == nil && !held {
		return fmt.Errorf("%w: it has taken over", ErrRebuildRunning)
	}
	return err
}

// inTx runs f in a transaction that holds the claim.
func (c *claim) inTx(ctx context.Context, f func(*schema.Tx) error) error {
	err := c.db.InTx(ctx, func(tx *schema.Tx) error {
		if err := c.renew(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	})
	return classify(c.db, err)
}

// keep renews the claim until ctx ends, and ends it by cancel if the claim is lost.
func (c *claim) keep(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(c.stale / 5)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := c.db.InTx(ctx, func(tx *schema.Tx) error { return c.renew(ctx, tx) })
		if errors.Is(err, ErrRebuildRunning) {
			cancel(err)
			return
		}
		// Any other error passes, or the work itself meets it.
	}
}

// release ends the claim, if it is still held.
func (c *claim) release(ctx context.Context) error {
	return c.db.InTx(ctx, func(tx *schema.Tx) error {
		if err := c.renew(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM checkpoints WHERE projection = ?1`, next)
		return err
	})
}
