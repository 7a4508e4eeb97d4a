package eventstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderflow/schema"
)

// errNotCommitted says that a commit whose answer was lost did not take place.
var errNotCommitted = errors.New("the transaction was not committed")

// resolve finds out what became of a commit whose answer was lost. The hash of the
// group's last event, which covers its position and time, tells its commit from any
// other. It gives nil if the commit took place, errNotCommitted if it did not, and
// lost if the database stays out of reach until ctx ends: then nobody knows.
func (s *Store) resolve(ctx context.Context, c *commit, lost error) error {
	if len(c.events) == 0 || errors.Is(lost, schema.ErrReplaced) { // the file that could tell is gone
		return lost
	}
	last := c.events[len(c.events)-1]
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		var hash []byte
		err := s.db.InTx(ctx, func(tx *schema.Tx) error {
			// The lost transaction may still hold the head: wait for its end, so that it cannot
			// commit after we have looked.
			if _, err := tx.ExecContext(ctx, `UPDATE heads SET head = head WHERE partition = ?1`, c.partition); err != nil {
				return err
			}
			row := tx.QueryRowContext(ctx, `SELECT hash FROM events WHERE partition = ?1 AND position = ?2`, last.Partition, last.Position)
			return s.db.Translate(row.Scan(&hash))
		})
		if err == nil || errors.Is(err, sql.ErrNoRows) {
			if bytes.Equal(hash, last.Hash) {
				return nil
			}
			return fmt.Errorf("%w: %w", errNotCommitted, lost)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w (whether it took place is not known: %w)", lost, errors.Join(err, ctx.Err()))
		case <-timer.C:
		}
	}
}
