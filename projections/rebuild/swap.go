package rebuild

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"orderflow/projections/internal/rows"
	"orderflow/projections/verify"
	"orderflow/schema"
)

// swapTries is how often a swap is begun that other transactions are in the way of.
const swapTries = 5

// swap applies the events that are left up to the heads, and exchanges the tables and their checkpoints,
// in one transaction. Whoever is in the way of it for too long, a reader of the tables or a projector that has
// fallen silent, keeps it from happening; nobody waits longer behind it.
// The result is what was wrong with the replaced checkpoints.
func (r *rebuild) swap(ctx context.Context, rowsClean bool) (wrong []verify.Difference, err error) {
	if rowsClean { // before the locks: it counts all rows
		if wrong, err = verify.Miscounts(ctx, r.db); err != nil {
			return nil, err
		}
	}
	var late []verify.Difference
	built := slices.Clone(r.built)
	for try := 1; ; try++ {
		err = r.lock.inTxBrief(ctx, r.conf.wait, func(tx *schema.Tx) error {
			r.built = slices.Clone(built) // the transaction may be repeated
			late, err = r.exchange(ctx, tx, !rowsClean)
			return err
		})
		if !errors.Is(err, schema.ErrBusy) || try == swapTries {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("swap %s and %s: %w", rows.LiveTable, rows.NextTable, err)
	}
	return append(wrong, late...), nil
}

// exchange is the transaction of a swap. It changes the live checkpoints first, so that projectors wait. Each is
// then moved from where it was after that: a projector either finds it moved, or good for the new table, or keeps
// the swap from happening.
func (r *rebuild) exchange(ctx context.Context, tx *schema.Tx, count bool) (wrong []verify.Difference, err error) {
	if _, err := tx.ExecContext(ctx, `UPDATE checkpoints SET updated_at = `+tx.Dialect().Now()+` WHERE projection = ?1`, rows.LiveTable); err != nil {
		return nil, err
	}
	replaced, err := rows.ReadCheckpoints(ctx, tx, rows.LiveTable)
	if err != nil {
		return nil, err
	}
	if err := r.finish(ctx, tx); err != nil {
		return nil, err
	}
	for partition, c := range r.built {
		var was *rows.Checkpoint
		if found, there := replaced[partition]; there {
			was = &found
		}
		if err := rows.ReplaceCheckpoint(ctx, tx, partition, was, c); err != nil {
			return nil, err
		}
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM checkpoints WHERE projection = ?1 AND partition >= 0`, rows.NextTable); err != nil {
		return nil, err
	}
	for _, statement := range r.table.Dialect.Swap {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	return r.unlike(replaced, count), nil
}

// unlike says what is wrong with the checkpoints that are replaced. A checkpoint beyond the one that
// was built is beyond the head. With count, the counts are looked at too: some cannot be read, or all
// checkpoints are at the positions of the new ones and the counts differ.
func (r *rebuild) unlike(replaced map[int]rows.Checkpoint, count bool) (found []verify.Difference) {
	stored, expected, same := rows.Counts{}, rows.Counts{}, count
	for partition, c := range r.built {
		was := replaced[partition]
		if was.Position > c.Position {
			found = append(found, verify.BeyondHead(partition, was.Position, c.Position))
		}
		if count && was.Damage != nil {
			found = append(found, verify.Unreadable(was.Damage))
		}
		same = same && was.Damage == nil && was.Position == c.Position
		stored.AddAll(was.Counts)
		expected.AddAll(c.Counts)
	}
	if same {
		found = append(found, verify.UnlikeCounts(stored, expected)...)
	}
	return found
}

// finish applies, within a transaction, all events up to the present heads. Later events are left to the
// projectors.
func (r *rebuild) finish(ctx context.Context, tx *schema.Tx) error {
	heads, err := r.log.Heads(ctx)
	if err != nil {
		return err
	}
	for partition, head := range heads {
		for r.built[partition].Position < head {
			c := r.built[partition]
			events, err := rows.ReadLog(ctx, r.log, partition, c.Position, int(min(head-c.Position, int64(r.conf.BatchSize))))
			if err != nil {
				return err
			}
			f := rows.NewFold(r.table, r.log, c.Counts)
			if err := f.Apply(ctx, tx, events, false); err != nil {
				return err
			}
			if err := f.Write(ctx, tx, f.Changes(false, math.MaxInt, math.MaxInt), nil); err != nil {
				return err
			}
			r.built[partition] = rows.Checkpoint{Position: c.Position + int64(len(events)), Counts: f.Counts()}
			r.conf.Progress(verify.Progress{Phase: verify.PhaseSwap, Done: r.applied(), Total: rows.Total(heads)})
		}
	}
	return nil
}
