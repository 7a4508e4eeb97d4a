package tail

import (
	"context"
	"fmt"

	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// spot is an event of the log, by its position and hash. Without a hash it is only a position.
type spot struct {
	position int64
	hash     []byte
}

// move moves the checkpoint of a partition over the events that a projector has applied.
type move struct {
	partition int
	from, to  spot
	counts    rows.Counts
}

// commit moves the checkpoint if it is where the projector believes it to be, and says whether it was.
// The condition is part of the update, which waits for the row's lock: of two projectors only one moves
// it. The events at both positions must be in the log as the projector knows them. Otherwise the
// projector has folded another history, as after a restore of a backup.
func (m move) commit(ctx context.Context, tx *schema.Tx, log Log) (bool, error) {
	query := `UPDATE checkpoints SET position = ?1, counts = ?2, updated_at = ` + tx.Dialect().Now() + `
		WHERE projection = ?3 AND partition = ?4 AND position = ?5 AND ` + log.HasEvent(`?4`, `?1`, `?6`)
	args := []any{m.to.position, m.counts.Encode(), rows.LiveTable, m.partition, m.from.position, m.to.hash}
	if m.from.hash != nil {
		query += ` AND ` + log.HasEvent(`?4`, `?5`, `?7`)
		args = append(args, m.from.hash)
	}
	moved, err := rows.OneRow(tx.ExecContext(ctx, query, args...))
	if err != nil {
		return false, fmt.Errorf("move the checkpoint of %s, partition %d: %w", rows.LiveTable, m.partition, err)
	}
	return moved, nil
}
