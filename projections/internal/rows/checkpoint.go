package rows

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderflow/schema"
)

// Checkpoint is how far a projection has applied one partition, and what it then
// counted.
type Checkpoint struct {
	Position int64
	Counts   Counts
	Damage   *CountsError // nil if the counts could be read
	Updated  time.Time
	stored   string // the counts as they are written
}

// ReadCheckpoints gives a projection's checkpoints by partition; -1 is the lock of a rebuild.
func ReadCheckpoints(ctx context.Context, q Querier, projection string) (map[int]Checkpoint, error) {
	all := map[int]Checkpoint{}
	err := q.Read(ctx, func(answer *sql.Rows) error {
		clear(all)
		return Each(answer, func() error {
			var partition int
			var updated schema.Time
			var c Checkpoint
			if err := answer.Scan(&partition, &c.Position, &c.stored, &updated); err != nil {
				return err
			}
			c.Updated = updated.Time
			c.Counts, c.Damage = DecodeCounts(projection, partition, c.stored)
			all[partition] = c
			return nil
		})
	}, `SELECT partition, position, counts, updated_at FROM checkpoints WHERE projection = ?1`, projection)
	if err != nil {
		return nil, fmt.Errorf("read the checkpoints of %s: %w", projection, err)
	}
	return all, nil
}

// MakeCheckpoint makes a checkpoint that is not there yet.
func MakeCheckpoint(ctx context.Context, tx *schema.Tx, projection string, partition int, c Checkpoint) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO checkpoints (projection, partition, position, counts, updated_at)
		VALUES (?1, ?2, ?3, ?4, `+tx.Dialect().Now()+`)`, projection, partition, c.Position, c.Counts.clone().Encode())
	if err != nil {
		return fmt.Errorf("make the checkpoint of %s, partition %d: %w", projection, partition, err)
	}
	return nil
}

// SetCheckpoint makes a checkpoint, or moves it wherever it is.
func SetCheckpoint(ctx context.Context, tx *schema.Tx, projection string, partition int, c Checkpoint) error {
	there, err := OneRow(tx.ExecContext(ctx, `UPDATE checkpoints SET position = ?1, counts = ?2, updated_at = `+tx.Dialect().Now()+`
		WHERE projection = ?3 AND partition = ?4`, c.Position, c.Counts.clone().Encode(), projection, partition))
	if err != nil {
		return fmt.Errorf("set the checkpoint of %s, partition %d: %w", projection, partition, err)
	}
	if !there {
		return MakeCheckpoint(ctx, tx, projection, partition, c)
	}
	return nil
}

// ReplaceCheckpoint moves a checkpoint of the live table from where it was, or makes it if it was not there.
// ErrFenced if it is somewhere else. The text of the counts is always another one, so that a projector notices, and
// forgets the orders that it remembers, also where position and counts stay.
func ReplaceCheckpoint(ctx context.Context, tx *schema.Tx, partition int, was *Checkpoint, c Checkpoint) error {
	if was == nil {
		return MakeCheckpoint(ctx, tx, LiveTable, partition, c)
	}
	still, err := OneRow(tx.ExecContext(ctx, `UPDATE checkpoints SET position = ?1, counts = ?2, updated_at = `+tx.Dialect().Now()+`
		WHERE projection = ?3 AND partition = ?4 AND position = ?5`, c.Position, c.Counts.clone().encodeAnew(was.stored), LiveTable, partition, was.Position))
	if err == nil && !still {
		err = ErrFenced
	}
	if err != nil {
		return fmt.Errorf("replace the checkpoint of %s, partition %d: %w", LiveTable, partition, err)
	}
	return nil
}

// OneRow says whether a statement changed one row.
func OneRow(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}
