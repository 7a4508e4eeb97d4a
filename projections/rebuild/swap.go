package rebuild

import (
	"context"
	"fmt"
	"math"
	"slices"

	"orderflow/projections/internal/rows"
	"orderflow/projections/verify"
	"orderflow/schema"
)

// swap applies the events that are left up to the heads, and exchanges the tables and their checkpoints,
// in one transaction. It locks the live checkpoints first, so that no projector writes to either table
// before the commit. A projector that waits then finds its checkpoint moved, or good for the new table.
// The result is what was wrong with the replaced checkpoints.
func (r *rebuild) swap(ctx context.Context, rowsClean bool) (wrong []verify.Difference, err error) {
	if rowsClean { // before the locks: it counts all rows
		if wrong, err = verify.Miscounts(ctx, r.db); err != nil {
			return nil, err
		}
	}
	var late []verify.Difference
	built := slices.Clone(r.built)
	err = r.lock.inTx(ctx, func(tx *schema.Tx) error {
		r.built = slices.Clone(built) // the transaction may be repeated
		if _, err := tx.ExecContext(ctx, `UPDATE checkpoints SET updated_at = updated_at WHERE projection = ?1`, rows.LiveTable); err != nil {
			return err
		}
		if err := r.finish(ctx, tx); err != nil {
			return err
		}
		replaced, err := rows.ReadCheckpoints(ctx, tx, rows.LiveTable)
		if err != nil {
			return err
		}
		late = r.unlike(replaced, !rowsClean)
		for partition, c := range r.built {
			if err := rows.SetCheckpoint(ctx, tx, rows.LiveTable, partition, c); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM checkpoints WHERE projection = ?1 AND partition >= 0`, rows.NextTable); err != nil {
			return err
		}
		for _, statement := range r.table.Dialect.Swap {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("swap %s and %s: %w", rows.LiveTable, rows.NextTable, err)
	}
	return append(wrong, late...), nil
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
