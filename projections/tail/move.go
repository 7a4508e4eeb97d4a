package tail

import (
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

// fence moves the checkpoint if it is where the projector believes it to be, and else changes no row. The
// condition is part of the update: of two projectors only one moves the checkpoint. The events at both positions
// must be in the log as the projector knows them. Otherwise the projector has folded another history, as after a
// restore of a backup. A checkpoint that is just being moved need not be waited for.
func (m move) fence(d schema.Dialect, hint string, log Log) *rows.Fence {
	f := rows.Fence{
		Query: `UPDATE checkpoints` + hint + ` SET position = ?1, counts = ?2, updated_at = ` + d.Now() + `
		WHERE projection = ?3 AND partition = ?4 AND position = ?5 AND ` + log.HasEvent(`?4`, `?1`, `?6`),
		Args: []any{m.to.position, m.counts.Encode(), rows.LiveTable, m.partition, m.from.position, m.to.hash},
	}
	if m.from.hash != nil {
		f.Query += ` AND ` + log.HasEvent(`?4`, `?5`, `?7`)
		f.Args = append(f.Args, m.from.hash)
	}
	return &f
}
