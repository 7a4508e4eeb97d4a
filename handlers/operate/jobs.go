package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// The bounds of a job.
const (
	MaxJobItems    = 100_000
	JobSample      = 20 // items that a dry run shows
	DefaultJobRate = 100
	MaxJobRate     = 1_000 // items a second
	frozenAtOnce   = 500   // items, in one transaction
	removeTimeout  = time.Minute
)

// JobKind is what a job is about, and what it does to each of its items.
type JobKind interface {
	// Check reads a filter, and gives it as it is kept; domain.ErrInvalid if it is none.
	Check(filter json.RawMessage) (json.RawMessage, error)
	// Allowed says whether the cluster allows now what the job does; a domain.ErrUnavailable if not.
	Allowed() error
	// Select gives the items that a filter lets through, page by page: those after a cursor, which is empty for the first
	// page, and the next cursor, which is empty after the last.
	Select(ctx context.Context, filter json.RawMessage, cursor string) (page []Selected, next string, err error)
	// Do does to an item what the job is for, if it still is as it was seen, and ends the item as done in the same
	// transaction. The error is *ChangedError if it is not; work.ErrItemEnded if the item has ended before, and
	// work.ErrJobNotRunning if the job does not run any more. Nothing was done then.
	Do(ctx context.Context, j work.Job, it work.JobItem) error
}

// Selected is an item that a filter lets through, as it is.
type Selected struct {
	Subject string `json:"subject"` // the key of a dead letter, or the id of an order
	Seen    int    `json:"seen"`    // the attempt of the letter, or the version of the order
	About   string `json:"about"`   // for people
	// Refused says that the job does nothing to an item that is so.
	Refused bool `json:"refused,omitempty"`
}

// ChangedError says how an item is not any more what was selected.
type ChangedError struct{ How string }

func (e *ChangedError) Error() string { return e.How }

// JobStore keeps jobs.
type JobStore interface {
	JobFreezer
	JobLedger
	JobReader
}

// JobFreezer keeps jobs while their items are selected.
type JobFreezer interface {
	Open(ctx context.Context, j work.Job) error
	Add(ctx context.Context, id work.OperationID, items []work.JobItem) error
	// Start has the job be worked off, and records the operation. It is work.ErrJobNotRunning if the job was stopped.
	Start(ctx context.Context, id work.OperationID, total int, op work.Operation) error
	Remove(ctx context.Context, id work.OperationID) error
}

// Jobs are the jobs of operators.
type Jobs struct {
	Kinds map[string]JobKind
	Kept  JobStore
	// Heads gives the last position of each partition of the log.
	Heads func(ctx context.Context) ([]int64, error)
}

// JobOrder is a job as it is asked for.
type JobOrder struct {
	Kind   string
	Filter json.RawMessage
	// Rate is how many items a second the job does at most; 0: DefaultJobRate.
	Rate int
	By   By
}

// JobPlan is what a job would be about.
type JobPlan struct {
	Kind   string          `json:"kind"`
	Filter json.RawMessage `json:"filter"`
	Count  int             `json:"count"`
	// Refused is how many of them the job does nothing to, if they are as they were selected.
	Refused int        `json:"refused,omitempty"`
	Sample  []Selected `json:"sample"` // the first few
}

// JobCountError says that a job is about another number of items than was confirmed. It is a domain.ErrConflict.
type JobCountError struct{ Confirmed, Count int }

func (e *JobCountError) Error() string {
	return fmt.Sprintf("%d items were confirmed, and there are %d now: look at them, and confirm %d", e.Confirmed, e.Count, e.Count)
}

// Is makes it a domain.ErrConflict.
func (e *JobCountError) Is(kind error) bool { return kind == domain.ErrConflict }

// JobDoubtError says that it is not known whether a job was ordered. It is a domain.ErrUnavailable.
type JobDoubtError struct {
	ID  work.OperationID
	Err error
}

// Advice is what to do, for the caller.
func (e *JobDoubtError) Advice() string {
	return fmt.Sprintf("whether job %s was ordered is not known: look with `orderflow jobs show %s` first, and order it again only if it does not run", e.ID, e.ID)
}

func (e *JobDoubtError) Error() string { return fmt.Sprintf("%s: %v", e.Advice(), e.Err) }

func (e *JobDoubtError) Unwrap() error { return e.Err }

// Is makes it a domain.ErrUnavailable.
func (e *JobDoubtError) Is(kind error) bool { return kind == domain.ErrUnavailable }

// Plan is the dry run of a job: it counts the items, and changes nothing.
func (s Jobs) Plan(ctx context.Context, o JobOrder) (JobPlan, error) {
	kind, o, err := s.check(o)
	if err != nil {
		return JobPlan{}, err
	}
	return plan(ctx, kind, o)
}

// check reads what is asked for.
func (s Jobs) check(o JobOrder) (kind JobKind, _ JobOrder, err error) {
	kind, known := s.Kinds[o.Kind]
	if !known {
		return nil, o, &domain.FieldError{Field: "kind", Expected: "one of " + strings.Join(s.names(), ", "), Got: fmt.Sprintf("%q", domain.Shorten(o.Kind))}
	}
	if o.Rate == 0 {
		o.Rate = DefaultJobRate
	}
	if o.Rate < 1 || o.Rate > MaxJobRate {
		return nil, o, &domain.FieldError{Field: "rate", Expected: fmt.Sprintf("1 to %d", MaxJobRate), Got: fmt.Sprint(o.Rate)}
	}
	if err := o.By.Check(); err != nil {
		return nil, o, err
	}
	o.Filter, err = kind.Check(o.Filter)
	return kind, o, err
}

// names are the kinds there are.
func (s Jobs) names() (all []string) {
	for _, name := range JobKinds() {
		if _, known := s.Kinds[name]; known {
			all = append(all, name)
		}
	}
	return all
}

func plan(ctx context.Context, kind JobKind, o JobOrder) (JobPlan, error) {
	p := JobPlan{Kind: o.Kind, Filter: o.Filter, Sample: []Selected{}}
	err := eachPage(ctx, kind, o.Filter, func(page []Selected) error {
		p.Count += len(page)
		for _, one := range page {
			if one.Refused {
				p.Refused++
			}
		}
		p.Sample = append(p.Sample, page[:min(len(page), JobSample-len(p.Sample))]...)
		return nil
	})
	return p, err
}

// eachPage calls take with the items that a filter lets through. There may be MaxJobItems.
func eachPage(ctx context.Context, kind JobKind, filter json.RawMessage, take func([]Selected) error) error {
	for n, cursor := 0, ""; ; {
		page, next, err := kind.Select(ctx, filter, cursor)
		if err != nil {
			return err
		}
		if n += len(page); n > MaxJobItems {
			return fmt.Errorf("%w: the filter lets more than %d items through, the most that a job may have: narrow it", domain.ErrInvalid, MaxJobItems)
		}
		if err := take(page); err != nil || next == "" {
			return err
		}
		cursor = next
	}
}

// Order orders a job, if it is about as many items as were confirmed: a *JobCountError otherwise. The items are frozen
// as they are now; what happens to them later is found when it is their turn. It is a domain.ErrUnavailable, and nothing
// is frozen, if the cluster does not allow the job now. It is a *JobDoubtError if the job may run all the same.
func (s Jobs) Order(ctx context.Context, o JobOrder, confirmed int) (work.Job, error) {
	kind, o, err := s.check(o)
	if err == nil {
		err = confirms(ctx, kind, o, confirmed) // before anything is written
	}
	if err != nil {
		return work.Job{}, err
	}
	op, err := o.By.Operation(strings.ReplaceAll(o.Kind, ".", " "), "", "")
	if err != nil {
		return work.Job{}, err
	}
	j := work.Job{ID: op.ID, Kind: o.Kind, State: work.JobFreezing, Actor: o.By.Actor, Reason: o.By.Reason, About: o.By.About, Filter: o.Filter, Rate: o.Rate}
	j.CreatedAt = op.At
	if j.Positions, err = s.Heads(ctx); err != nil {
		return work.Job{}, err
	}
	if err := s.Kept.Open(ctx, j); err != nil {
		return work.Job{}, err
	}
	if j.Total, err = s.freeze(ctx, kind, j); err == nil && j.Total != confirmed {
		err = &JobCountError{Confirmed: confirmed, Count: j.Total}
	}
	if err != nil {
		return s.given(ctx, j, err, false)
	}
	err = s.start(ctx, &j, op)
	return s.given(ctx, j, err, errors.Is(err, domain.ErrUnavailable) || ctx.Err() != nil)
}

// confirms says whether the cluster allows a job, and whether it is about as many items as were confirmed.
func confirms(ctx context.Context, kind JobKind, o JobOrder, confirmed int) error {
	if err := kind.Allowed(); err != nil {
		return err
	}
	now, err := plan(ctx, kind, o)
	switch {
	case err != nil:
		return err
	case now.Count != confirmed:
		return &JobCountError{Confirmed: confirmed, Count: now.Count}
	case confirmed == 0:
		return fmt.Errorf("%w: there is nothing to be done", domain.ErrInvalid)
	}
	return nil
}

// given gives a job that was started. One that was not is removed, unless it may run all the same.
func (s Jobs) given(ctx context.Context, j work.Job, err error, mayRun bool) (work.Job, error) {
	if err == nil {
		return j, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	if mayRun {
		return s.doubted(ctx, j.ID, err)
	}
	return work.Job{}, errors.Join(err, s.Kept.Remove(ctx, j.ID))
}

// doubted gives the job if it runs, though its start failed so that it may have taken place. Otherwise it may still take
// place, and the job is left for the caller to look at.
func (s Jobs) doubted(ctx context.Context, id work.OperationID, failed error) (work.Job, error) {
	if j, err := s.Kept.Get(ctx, id); err == nil && j.State != work.JobFreezing {
		return j, nil
	}
	return work.Job{}, &JobDoubtError{ID: id, Err: failed}
}

// freeze keeps the items that there are now.
func (s Jobs) freeze(ctx context.Context, kind JobKind, j work.Job) (n int, err error) {
	err = eachPage(ctx, kind, j.Filter, func(page []Selected) error {
		items := make([]work.JobItem, len(page))
		for i, one := range page {
			n++
			items[i] = work.JobItem{Seq: n, Subject: one.Subject, Seen: one.Seen}
		}
		for len(items) > 0 {
			some := items[:min(len(items), frozenAtOnce)]
			if err := s.Kept.Add(ctx, j.ID, some); err != nil {
				return err
			}
			items = items[len(some):]
		}
		return nil
	})
	return n, err
}

// start has a frozen job be worked off.
func (s Jobs) start(ctx context.Context, j *work.Job, op work.Operation) (err error) {
	details := map[string]any{"filter": j.Filter, "items": j.Total, "rate": j.Rate, "positions": j.Positions}
	for name, value := range j.About {
		details[name] = value
	}
	if op.Details, err = json.Marshal(details); err != nil {
		return err
	}
	op.At, op.Subject, op.Result = now(), "job "+j.ID.String(), fmt.Sprintf("%d items are frozen and will be worked off", j.Total)
	j.State, j.StartedAt = work.JobRunning, op.At
	return s.Kept.Start(ctx, j.ID, j.Total, op)
}

// now is the time, as it is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
