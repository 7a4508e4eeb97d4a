package operations

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

const jobColumns = `id, kind, state, actor, reason, about, filter, positions, rate, total, done, skipped, failed,
	created_at, started_at, ended_at, ended_by, end_reason`

func scanJob(rows *sql.Rows, j *work.Job) error {
	var id []byte
	var about, filter, positions string
	var created, started, ended schema.Time
	err := rows.Scan(&id, &j.Kind, &j.State, &j.Actor, &j.Reason, &about, &filter, &positions, &j.Rate, &j.Total, &j.Done, &j.Skipped, &j.Failed,
		&created, &started, &ended, &j.EndedBy, &j.EndReason)
	if err != nil {
		return err
	}
	copy(j.ID[:], id)
	j.Filter, j.CreatedAt, j.StartedAt, j.EndedAt = json.RawMessage(filter), created.Time, started.Time, ended.Time
	if err := errors.Join(json.Unmarshal([]byte(about), &j.About), json.Unmarshal([]byte(positions), &j.Positions)); err != nil {
		return fmt.Errorf("%w: job %s: %s", domain.ErrCorrupt, j.ID, err)
	}
	return nil
}

func readJob(ctx context.Context, in schema.Reader, id work.OperationID) (work.Job, error) {
	found, err := schema.Collect(ctx, in, scanJob, `SELECT `+jobColumns+` FROM jobs WHERE id = ?1`, id[:])
	if err == nil && len(found) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		return work.Job{}, fmt.Errorf("job %s: %w", id, classify(err))
	}
	return found[0], nil
}

// Get gives a job; domain.ErrNotFound if there is no such job.
func (s *Jobs) Get(ctx context.Context, id work.OperationID) (work.Job, error) {
	return readJob(ctx, s.db, id)
}

// Running gives the jobs that run, the oldest first.
func (s *Jobs) Running(ctx context.Context) ([]work.Job, error) {
	all, err := schema.Collect(ctx, s.db, scanJob, `SELECT `+jobColumns+` FROM jobs WHERE state = '`+work.JobRunning+`' ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("running jobs: %w", classify(err))
	}
	return all, nil
}

// List gives jobs, the newest in front: at most so many, of those before a job; the zero id stands for the end.
func (s *Jobs) List(ctx context.Context, most int, before work.OperationID) ([]work.Job, error) {
	if before.IsZero() {
		before = last
	}
	all, err := schema.Collect(ctx, s.db, scanJob, `SELECT `+jobColumns+` FROM jobs WHERE id < ?1 ORDER BY id DESC `+s.db.Dialect().Limit("?2"), before[:], most)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", classify(err))
	}
	return all, nil
}

// Items gives items of a job in their order: at most so many, of those behind a place, and of one state if it is not
// empty.
func (s *Jobs) Items(ctx context.Context, id work.OperationID, state string, after, most int) ([]work.JobItem, error) {
	args, condition := []any{id[:], after, most}, ``
	if state != "" {
		args, condition = append(args, state), ` AND state = ?4`
	}
	all, err := schema.Collect(ctx, s.db, func(rows *sql.Rows, it *work.JobItem) error {
		var ended schema.Time
		err := rows.Scan(&it.Seq, &it.Subject, &it.Seen, &it.State, &it.Note, &it.Ref, &ended)
		it.EndedAt = ended.Time
		return err
	}, `SELECT seq, subject, seen, state, note, ref, ended_at FROM job_items WHERE job_id = ?1 AND seq > ?2`+condition+` ORDER BY seq `+s.db.Dialect().Limit("?3"), args...)
	if err != nil {
		return nil, fmt.Errorf("items of job %s: %w", id, classify(err))
	}
	return all, nil
}

// Forgotten gives jobs, the oldest first, that have ended, or that were never confirmed, and were begun before a time
// each: at most so many, of those behind a job.
func (s *Jobs) Forgotten(ctx context.Context, ended, unconfirmed time.Time, after work.OperationID, most int) ([]work.Job, error) {
	all, err := schema.Collect(ctx, s.db, scanJob, `SELECT `+jobColumns+` FROM jobs WHERE id > ?3 AND (state IN ('`+work.JobEnded+`', '`+work.JobStopped+`') AND created_at < ?1
		OR state = '`+work.JobFreezing+`' AND created_at < ?2) ORDER BY id `+s.db.Dialect().Limit("?4"), schema.TimeArg(ended), schema.TimeArg(unconfirmed), after[:], most)
	if err != nil {
		return nil, fmt.Errorf("forgotten jobs: %w", classify(err))
	}
	return all, nil
}
