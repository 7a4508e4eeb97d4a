package operations

import (
	"context"
	"encoding/json"
	"fmt"

	"orderflow/domain/work"
	"orderflow/schema"
)

// Jobs are the jobs of a database, and their items.
type Jobs struct{ db *schema.DB }

// NewJobs opens the jobs.
func NewJobs(db *schema.DB) *Jobs { return &Jobs{db: db} }

// Open begins a job, whose items are still to be selected. Nothing is done to them before Start.
func (s *Jobs) Open(ctx context.Context, j work.Job) error {
	about, err := json.Marshal(j.About)
	if err != nil {
		return fmt.Errorf("open job %s: %w", j.ID, classify(err))
	}
	positions, err := json.Marshal(j.Positions)
	if err != nil {
		return fmt.Errorf("open job %s: %w", j.ID, classify(err))
	}
	err = s.db.InTx(ctx, func(tx *schema.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO jobs (id, kind, state, actor, reason, about, filter, positions, rate, total, done, skipped, failed,
			created_at, ended_by, end_reason) VALUES (?1, ?2, '`+work.JobFreezing+`', ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, 0, 0, ?9, '', '')`,
			j.ID[:], j.Kind, j.Actor, j.Reason, string(about), string(j.Filter), string(positions), j.Rate, schema.TimeArg(j.CreatedAt))
		return err
	})
	if err != nil {
		return fmt.Errorf("open job %s: %w", j.ID, classify(err))
	}
	return nil
}

// Add freezes items of a job that is being selected, in one transaction: there should be few hundred at a time.
func (s *Jobs) Add(ctx context.Context, id work.OperationID, items []work.JobItem) error {
	const width = 4
	err := s.db.InTx(ctx, func(tx *schema.Tx) error {
		return schema.Rows(len(items), width, func(from, to int, values string) error {
			args := make([]any, 0, width*(to-from))
			for _, it := range items[from:to] {
				args = append(args, id[:], it.Seq, it.Subject, it.Seen)
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO job_items (job_id, seq, subject, seen, state, note, ref)
				SELECT column1, column2, column3, column4, '`+work.ItemWaiting+`', '', '' FROM (VALUES `+values+`) AS frozen`, args...)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("freeze items of job %s: %w", id, classify(err))
	}
	return nil
}

// Start has a job be worked off whose items are all there, and records the operation with it. It is
// work.ErrJobNotRunning if somebody stopped the job before.
func (s *Jobs) Start(ctx context.Context, id work.OperationID, total int, op work.Operation) error {
	err := s.db.InTx(ctx, func(tx *schema.Tx) error {
		err := changeJob(ctx, tx, `UPDATE jobs SET state = '`+work.JobRunning+`', total = ?2, started_at = ?3
			WHERE id = ?1 AND state = '`+work.JobFreezing+`'`, id[:], total, schema.TimeArg(op.At))
		if err != nil {
			return err
		}
		return tx.Ask(ctx, Record(op))
	})
	if err != nil {
		return fmt.Errorf("start job %s: %w", id, classify(err))
	}
	return nil
}

// changeJob runs a statement that must change one job.
func changeJob(ctx context.Context, tx *schema.Tx, query string, args ...any) error {
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		err = work.ErrJobNotRunning
	}
	return err
}

// End ends a job. It records the operation that op makes of the job as it is then. A job is stopped whether its items
// are frozen or not. It ends by itself only when every item has ended. It is work.ErrJobNotRunning if neither
// can be.
func (s *Jobs) End(ctx context.Context, id work.OperationID, end work.JobEnd, op func(work.Job) (work.Operation, error)) (j work.Job, err error) {
	condition := ` AND state = '` + work.JobRunning + `' AND done + skipped + failed = total`
	if end.State == work.JobStopped {
		condition = ` AND state IN ('` + work.JobRunning + `', '` + work.JobFreezing + `')`
	}
	err = s.db.InTx(ctx, func(tx *schema.Tx) error {
		err := changeJob(ctx, tx, `UPDATE jobs SET state = ?2, ended_by = ?3, end_reason = ?4, ended_at = ?5 WHERE id = ?1`+condition,
			id[:], end.State, end.By, end.Reason, schema.TimeArg(end.At))
		if err != nil {
			return err
		}
		if j, err = readJob(ctx, tx, id); err != nil {
			return err
		}
		done, err := op(j)
		if err != nil {
			return err
		}
		return tx.Ask(ctx, Record(done))
	})
	if err != nil {
		return j, fmt.Errorf("end job %s: %w", id, classify(err))
	}
	return j, nil
}

// removedAtOnce is how many items are removed in one transaction.
const removedAtOnce = 500

// Remove forgets a job that does not run, and its items, in small transactions.
func (s *Jobs) Remove(ctx context.Context, id work.OperationID) error {
	for {
		if over, err := s.RemoveSome(ctx, id); over || err != nil {
			return err
		}
	}
}

// RemoveSome is one transaction of Remove. over says that nothing is left to be done.
func (s *Jobs) RemoveSome(ctx context.Context, id work.OperationID) (over bool, err error) {
	err = s.db.InTx(ctx, func(tx *schema.Tx) error {
		items, err := removed(ctx, tx, `DELETE FROM job_items WHERE job_id = ?1 AND seq < ?2 + (SELECT MIN(seq) FROM job_items WHERE job_id = ?1)
			AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND state = '`+work.JobRunning+`')`, id[:], removedAtOnce)
		if err != nil {
			return err
		}
		jobs, err := removed(ctx, tx, `DELETE FROM jobs WHERE id = ?1 AND state <> '`+work.JobRunning+`'
			AND NOT EXISTS (SELECT 1 FROM job_items WHERE job_id = ?1)`, id[:])
		over = jobs > 0 || items == 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("remove job %s: %w", id, classify(err))
	}
	return over, nil
}

// removed runs a statement and gives how many rows it removed.
func removed(ctx context.Context, tx *schema.Tx, query string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
