package operations

import (
	"context"
	"fmt"

	"orderflow/domain/work"
	"orderflow/schema"
)

// EndItem ends an item of a running job, within the transaction of what was done to it: state, note, ref and time are
// those of it. The job counts it. The error is work.ErrItemEnded if the item has ended before, and
// work.ErrJobNotRunning if the job does not run any more: nothing must be done to the item then. It locks the item, and
// then the job, up to the end of the transaction.
func EndItem(ctx context.Context, tx *schema.Tx, id work.OperationID, it work.JobItem) error {
	column := map[string]string{work.ItemDone: "done", work.ItemSkipped: "skipped", work.ItemFailed: "failed"}[it.State]
	if column == "" {
		return fmt.Errorf("an item cannot end %q", it.State)
	}
	var ended, counted int64
	err := tx.Ask(ctx,
		schema.Question{Query: `UPDATE job_items SET state = ?3, note = ?4, ref = ?5, ended_at = ?6
			WHERE job_id = ?1 AND seq = ?2 AND state = '` + work.ItemWaiting + `'`,
			Args:    []any{id[:], it.Seq, it.State, it.Note, it.Ref, schema.TimeArg(it.EndedAt)},
			Changed: func(rows int64) { ended = rows }},
		schema.Question{Query: `UPDATE jobs SET ` + column + ` = ` + column + ` + 1 WHERE id = ?1 AND state = '` + work.JobRunning + `'`,
			Args: []any{id[:]}, Changed: func(rows int64) { counted = rows }},
	)
	switch {
	case err != nil:
		return fmt.Errorf("end item %d of job %s: %w", it.Seq, id, classify(err))
	case counted == 0:
		return work.ErrJobNotRunning
	case ended == 0:
		return work.ErrItemEnded
	}
	return nil
}

// EndItem is EndItem in a transaction of its own, of an item to which nothing was done.
func (s *Jobs) EndItem(ctx context.Context, id work.OperationID, it work.JobItem) error {
	return s.db.InTx(ctx, func(tx *schema.Tx) error { return EndItem(ctx, tx, id, it) })
}
