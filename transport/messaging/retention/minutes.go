package retention

import (
	"context"
	"fmt"
	"time"

	"orderflow/schema"
)

// keepCounts is how long what a node counted in a minute is kept: an hour more than the longest time over which anybody
// adds it up.
const keepCounts = 25 * time.Hour

// past are the minutes that are kept no longer.
const past = ` WHERE closed_at <= ?3`

// removeMinutes removes the first of them. Later sweeps remove the rest: no cluster makes as many rows between two.
func (r *Sweeper) removeMinutes(ctx context.Context, tx *schema.Tx, before string) error {
	d := tx.Dialect()
	_, err := tx.ExecContext(ctx, `DELETE FROM minutes`+d.SkipLocked()+` WHERE closed_at <= (SELECT MAX(f.closed_at) FROM
		(SELECT m.closed_at FROM minutes m`+d.SkipLocked()+` WHERE m.closed_at <= ?1 ORDER BY m.closed_at `+d.Limit("?2")+`) f)`, before, r.conf.Batch)
	if err != nil {
		return fmt.Errorf("remove what was counted long ago: %w", err)
	}
	return nil
}
