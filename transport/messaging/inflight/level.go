package inflight

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"orderflow/domain/work"
	"orderflow/schema"
)

// EventLevel gives the level of the forms in which events may be written (see domain.EventLevel). It raises the
// level first, if it can: to the lowest that this program and all registered nodes read. The level never
// falls. A node counts until it is released or declared lost (see Losses), since an expired registration may
// be under renewal, by a statement that began before.
func (n *Nodes) EventLevel(ctx context.Context) (int, error) {
	var level, all int
	row := n.db.QueryRowContext(ctx, `SELECT c.event_level, COALESCE((SELECT MIN(n.event_level) FROM nodes n WHERE n.state IN (?1, ?2)), ?3)
		FROM compatibility c`, work.NodeActive, work.NodeDraining, n.level)
	if err := row.Scan(&level, &all); errors.Is(err, sql.ErrNoRows) {
		return 0, schema.ErrNoCompatibility
	} else if err != nil {
		return 0, fmt.Errorf("read the level of events: %w", n.db.Translate(err))
	}
	wanted := min(all, n.level)
	if wanted <= level {
		return level, nil
	}
	raised, err := n.raise(ctx, wanted)
	if err != nil {
		return 0, fmt.Errorf("raise the level of events to %d: %w", wanted, err)
	}
	if !raised { // a node came in between; the next time will tell
		return level, nil
	}
	return wanted, nil
}

// raise raises the level, if it is lower and no node reads less. A node that registers takes the same turn
// (trigger nodes_read_events). If the node came first, the second statement sees its row. If it comes later,
// it finds the level raised. The two may wait for each other in a circle; the database then gives one
// transaction up, and it is done again.
func (n *Nodes) raise(ctx context.Context, level int) (raised bool, err error) {
	err = n.db.InTx(ctx, func(tx *schema.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE compatibility SET turns = turns + 1 WHERE one = 1`); err != nil {
			return err
		}
		raised, err = changed(ctx, tx, `UPDATE compatibility SET event_level = ?1 WHERE one = 1 AND event_level < ?1
			AND NOT EXISTS (SELECT 1 FROM nodes WHERE event_level < ?1 AND state IN (?2, ?3))`, level, work.NodeActive, work.NodeDraining)
		return err
	})
	return raised, err
}
