package tail

import (
	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// spot is how far a partition is applied: the last event by its position and hash, and the counts as the
// checkpoint has them. Without a hash the event is not known.
type spot struct {
	position int64
	hash     []byte
	counts   string
}

// move moves the checkpoint of a partition over the events that a projector has applied.
type move struct {
	partition int
	from, to  spot
}

// fence moves the checkpoint if it is where the projector believes it to be, with the counts that the projector
// goes on from, and else changes no row. The condition is part of the update: of two projectors only one moves the
// checkpoint. The events at both positions must be in the log as the projector knows them. Otherwise the projector
// has folded another history, as after a restore of a backup. A checkpoint that is just being moved need not be
// waited for.
func (m move) fence(d schema.Dialect, log Log) *rows.Fence {
	f := rows.Fence{
		Query: `UPDATE checkpoints` + d.SkipLocked() + ` SET position = ?1, counts = ?2, updated_at = ` + d.Now() + `
		WHERE projection = ?3 AND partition = ?4 AND position = ?5 AND counts = ?6 AND ` + log.HasEvent(`?4`, `?1`, `?7`),
		Args: []any{m.to.position, m.to.counts, rows.LiveTable, m.partition, m.from.position, m.from.counts, m.to.hash},
	}
	if m.from.hash != nil {
		f.Query += ` AND ` + log.HasEvent(`?4`, `?5`, `?8`)
		f.Args = append(f.Args, m.from.hash)
	}
	return &f
}
