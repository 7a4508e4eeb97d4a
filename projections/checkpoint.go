package projections

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderflow/schema"
)

// checkpoint is how far a projection has applied one partition, and what it then
// counted.
type checkpoint struct {
	position int64
	counts   counts
	damage   *countsError // nil if the counts could be read
	updated  time.Time
}

// readCheckpoints gives a projection's checkpoints by partition; -1 is a rebuild's claim.
func readCheckpoints(ctx context.Context, q querier, projection string) (map[int]checkpoint, error) {
	rows, err := q.QueryContext(ctx, `SELECT partition, position, counts, updated_at FROM checkpoints WHERE projection = ?1`, projection)
	if err != nil {
		return nil, fmt.Errorf("read the checkpoints of %s: %w", projection, err)
	}
	defer func() { _ = rows.Close() }()
	all := map[int]checkpoint{}
	for rows.Next() {
		partition, c, err := scanCheckpoint(rows, projection)
		if err != nil {
			return nil, fmt.Errorf("read the checkpoints of %s: %w", projection, err)
		}
		all[partition] = c
	}
	return all, rows.Err()
}

func scanCheckpoint(rows *sql.Rows, projection string) (partition int, c checkpoint, err error) {
	var stored string
	var updated schema.Time
	if err := rows.Scan(&partition, &c.position, &stored, &updated); err != nil {
		return 0, c, err
	}
	c.updated = updated.Time
	var readable bool
	if c.counts, readable = decodeCounts(stored); !readable {
		c.damage = &countsError{projection: projection, partition: partition, stored: stored}
	}
	return partition, c, nil
}

// spot is an event of the log, by its position and hash. Without a hash it is only a position.
type spot struct {
	position int64
	hash     []byte
}

// move is what a projector does with a checkpoint when it has applied the events between two places.
type move struct {
	projection string
	partition  int
	from, to   spot
	counts     counts
}

// commit moves the checkpoint if it is where the projector believes it to be, and says whether it
// was. The condition is part of the update, which waits for the row's lock: of two projectors one
// moves it, and neither can move it before the other has committed. The events at both places must
// be in the log as the projector knows them: otherwise what it has folded is another history, as
// after a restore of a backup.
func (m move) commit(ctx context.Context, tx *schema.Tx, log Log) (bool, error) {
	query := `UPDATE checkpoints SET position = ?1, counts = ?2, updated_at = ` + tx.Dialect().Now() + `
		WHERE projection = ?3 AND partition = ?4 AND position = ?5 AND ` + log.HasEvent(`?4`, `?1`, `?6`)
	args := []any{m.to.position, m.counts.encode(), m.projection, m.partition, m.from.position, m.to.hash}
	if m.from.hash != nil {
		query += ` AND ` + log.HasEvent(`?4`, `?5`, `?7`)
		args = append(args, m.from.hash)
	}
	moved, err := oneRow(tx.ExecContext(ctx, query, args...))
	if err != nil {
		return false, fmt.Errorf("move the checkpoint of %s, partition %d: %w", m.projection, m.partition, err)
	}
	return moved, nil
}

// makeCheckpoint makes a checkpoint that is not there yet.
func makeCheckpoint(ctx context.Context, tx *schema.Tx, projection string, partition int, c checkpoint) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO checkpoints (projection, partition, position, counts, updated_at)
		VALUES (?1, ?2, ?3, ?4, `+tx.Dialect().Now()+`)`, projection, partition, c.position, c.counts.clone().encode())
	if err != nil {
		return fmt.Errorf("make the checkpoint of %s, partition %d: %w", projection, partition, err)
	}
	return nil
}

// setCheckpoint makes a checkpoint, or moves it wherever it is.
func setCheckpoint(ctx context.Context, tx *schema.Tx, projection string, partition int, c checkpoint) error {
	there, err := oneRow(tx.ExecContext(ctx, `UPDATE checkpoints SET position = ?1, counts = ?2, updated_at = `+tx.Dialect().Now()+`
		WHERE projection = ?3 AND partition = ?4`, c.position, c.counts.clone().encode(), projection, partition))
	if err != nil {
		return fmt.Errorf("set the checkpoint of %s, partition %d: %w", projection, partition, err)
	}
	if !there {
		return makeCheckpoint(ctx, tx, projection, partition, c)
	}
	return nil
}

// oneRow says whether a statement changed one row.
func oneRow(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}
