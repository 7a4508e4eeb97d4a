package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// JobReader reads jobs.
type JobReader interface {
	// Get gives a job; domain.ErrNotFound.
	Get(ctx context.Context, id work.OperationID) (work.Job, error)
	// List gives jobs, the newest in front: at most so many, of those before a job; the zero id stands for the end.
	List(ctx context.Context, most int, before work.OperationID) ([]work.Job, error)
	// Items gives items in order: at most so many, of those behind a place, and of one state if it is not empty.
	Items(ctx context.Context, id work.OperationID, state string, after, most int) ([]work.JobItem, error)
}

// JobProgress is a job, and how fast it goes.
type JobProgress struct {
	work.Job
	Left int `json:"left"` // items that have not ended
	// PerSecond is how many items ended a second, of late; 0 if the job does not run, or nobody works it off.
	PerSecond float64 `json:"per_second"`
	// EndsAt is about when it will have ended; the zero time if that cannot be said.
	EndsAt time.Time `json:"ends_at,omitzero"`
}

// idleAfter is after how long without an item nobody seems to work a job off.
const idleAfter = 10 * time.Second

// measuredOver is over how long the rate is measured, if the job keeps its rate.
const measuredOver = 10 * time.Second

// Progress says how far a job is.
func (s Jobs) Progress(ctx context.Context, id work.OperationID) (JobProgress, error) {
	j, err := s.Kept.Get(ctx, id)
	p := JobProgress{Job: j, Left: j.Left()}
	ended := j.Total - p.Left
	if err != nil || j.State != work.JobRunning || ended < 2 {
		return p, err
	}
	// Items end in their order, so that the times of two of them tell the rate.
	span := min(ended-1, j.Rate*int(measuredOver/time.Second))
	var times [2]time.Time
	for i, seq := range []int{ended - span, ended} {
		of, err := s.Kept.Items(ctx, id, "", seq-1, 1)
		if err != nil {
			return p, err
		}
		if len(of) == 1 {
			times[i] = of[0].EndedAt
		}
	}
	p.measure(span, times, time.Now())
	return p, nil
}

// measure finds the rate from the times of two items, between which so many ended.
func (p *JobProgress) measure(span int, times [2]time.Time, now time.Time) {
	took := times[1].Sub(times[0])
	if times[0].IsZero() || times[1].IsZero() || took <= 0 || now.Sub(times[1]) > idleAfter {
		return
	}
	p.PerSecond = float64(span) / took.Seconds()
	p.EndsAt = now.Add(time.Duration(float64(p.Left) / p.PerSecond * float64(time.Second))).UTC().Truncate(time.Second)
}

// checkItemState refuses what is no state of an item; the empty text stands for all.
func checkItemState(state string) error {
	switch state {
	case "", work.ItemWaiting, work.ItemDone, work.ItemSkipped, work.ItemFailed:
		return nil
	}
	return &domain.FieldError{Field: "state", Expected: "one of waiting, done, skipped, failed", Got: fmt.Sprintf("%q", domain.Shorten(state))}
}

// JobStopped is a job after it was stopped.
type JobStopped struct {
	// Changed is false if the job did not run any more.
	Changed bool `json:"changed"`
	// Job is the job as it is now. What is left of it is not done.
	Job JobProgress `json:"job"`
}

// JobPage is a part of a list of jobs, the newest in front.
type JobPage struct {
	Jobs       []JobProgress `json:"jobs"`                  // without their rates
	NextCursor string        `json:"next_cursor,omitempty"` // of the next page; empty after the last
}

// ItemPage is a part of the items of a job, in their order.
type ItemPage struct {
	Items      []work.JobItem `json:"items"`
	NextCursor string         `json:"next_cursor,omitempty"`
}

// MaxJobPage bounds the jobs, and the items, of a page.
const MaxJobPage = 1_000

// List gives a page of jobs after a cursor, which is empty for the first page.
func (s Jobs) List(ctx context.Context, cursor string, limit int) (p JobPage, err error) {
	var before work.OperationID
	if cursor != "" {
		if err := before.UnmarshalText([]byte(cursor)); err != nil {
			return p, badCursor()
		}
	}
	if err := checkLimit(limit); err != nil {
		return p, err
	}
	all, err := s.Kept.List(ctx, limit+1, before)
	if len(all) > limit {
		all = all[:limit]
		p.NextCursor = all[limit-1].ID.String()
	}
	p.Jobs = make([]JobProgress, len(all))
	for i, j := range all {
		p.Jobs[i] = JobProgress{Job: j, Left: j.Left()}
	}
	return p, err
}

// Items gives a page of a job's items after a cursor, those of one state if it is not empty; domain.ErrNotFound if there is
// no such job.
func (s Jobs) Items(ctx context.Context, id work.OperationID, state, cursor string, limit int) (p ItemPage, err error) {
	after := 0
	if cursor != "" {
		if after, err = strconv.Atoi(cursor); err != nil || after < 1 || after > MaxJobItems {
			return p, badCursor()
		}
	}
	if err := cmp.Or(checkLimit(limit), checkItemState(state)); err != nil {
		return p, err
	}
	if _, err := s.Kept.Get(ctx, id); err != nil {
		return p, err
	}
	p.Items, err = s.Kept.Items(ctx, id, state, after, limit+1)
	if len(p.Items) > limit {
		p.Items = p.Items[:limit]
		p.NextCursor = strconv.Itoa(p.Items[limit-1].Seq)
	}
	return p, err
}

// ParseJobID reads the id of a job.
func ParseJobID(text string) (id work.OperationID, err error) {
	err = id.UnmarshalText([]byte(text))
	return id, err
}

func badCursor() error {
	return &domain.FieldError{Field: "cursor", Expected: "the next_cursor of an earlier answer", Got: "another text"}
}

func checkLimit(limit int) error {
	if limit < 1 || limit > MaxJobPage {
		return &domain.FieldError{Field: "limit", Expected: fmt.Sprintf("1 to %d", MaxJobPage), Got: strconv.Itoa(limit)}
	}
	return nil
}

// Stop stops a job. Nothing is done to any item after that; domain.ErrNotFound if there is no such job.
func (s Jobs) Stop(ctx context.Context, id work.OperationID, by By) (JobStopped, error) {
	if err := by.Check(); err != nil {
		return JobStopped{}, err
	}
	end := work.JobEnd{State: work.JobStopped, By: by.Actor, Reason: by.Reason, At: now()}
	j, err := s.Kept.End(ctx, id, end, func(j work.Job) (work.Operation, error) {
		return by.Operation("jobs stop", "job "+j.ID.String(), fmt.Sprintf("stopped after %d done, %d skipped, %d failed of %d; %d are left", j.Done, j.Skipped, j.Failed, j.Total, j.Left()))
	})
	if errors.Is(err, work.ErrJobNotRunning) {
		j, err = s.Kept.Get(ctx, id)
		return JobStopped{Job: JobProgress{Job: j, Left: j.Left()}}, err
	}
	return JobStopped{Changed: err == nil, Job: JobProgress{Job: j, Left: j.Left()}}, err
}
