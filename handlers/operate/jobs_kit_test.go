package operate

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// jobShelf keeps jobs in memory, as package operations does in the database.
type jobShelf struct {
	mu    sync.Mutex
	jobs  map[work.OperationID]*work.Job
	items map[work.OperationID][]work.JobItem
	ops   []work.Operation

	opened    int   // jobs
	startFail error // what the next Start gives
	startLost bool  // which took place all the same
	away      bool  // from then on
}

func newJobShelf() *jobShelf {
	return &jobShelf{jobs: map[work.OperationID]*work.Job{}, items: map[work.OperationID][]work.JobItem{}}
}

func (s *jobShelf) Open(_ context.Context, j work.Job) error {
	s.opened++
	s.jobs[j.ID] = &j
	return nil
}

func (s *jobShelf) Add(_ context.Context, id work.OperationID, items []work.JobItem) error {
	if len(items) > frozenAtOnce {
		return fmt.Errorf("%d items at once", len(items))
	}
	for _, it := range items {
		it.State = work.ItemWaiting
		s.items[id] = append(s.items[id], it)
	}
	return nil
}

func (s *jobShelf) Start(_ context.Context, id work.OperationID, total int, op work.Operation) error {
	j := s.jobs[id]
	if j == nil || j.State != work.JobFreezing {
		return work.ErrJobNotRunning
	}
	if s.startFail != nil && !s.startLost {
		return s.startFail
	}
	j.State, j.Total, j.StartedAt = work.JobRunning, total, op.At
	s.ops = append(s.ops, op)
	return s.startFail
}

func (s *jobShelf) Remove(_ context.Context, id work.OperationID) error {
	if j := s.jobs[id]; j != nil && j.State == work.JobRunning {
		return nil
	}
	delete(s.jobs, id)
	delete(s.items, id)
	return nil
}

func (s *jobShelf) Running(context.Context) (all []work.Job, _ error) {
	for _, j := range s.jobs {
		if j.State == work.JobRunning {
			all = append(all, *j)
		}
	}
	return all, nil
}

func (s *jobShelf) Items(_ context.Context, id work.OperationID, state string, after, most int) (all []work.JobItem, _ error) {
	for _, it := range s.items[id] {
		if it.Seq > after && len(all) < most && (state == "" || it.State == state) {
			all = append(all, it)
		}
	}
	return all, nil
}

func (s *jobShelf) EndItem(_ context.Context, id work.OperationID, it work.JobItem) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, now := s.jobs[id], &s.items[id][it.Seq-1]
	if j.State != work.JobRunning {
		return work.ErrJobNotRunning
	}
	if now.State != work.ItemWaiting {
		return work.ErrItemEnded
	}
	*now = it
	*map[string]*int{work.ItemDone: &j.Done, work.ItemSkipped: &j.Skipped, work.ItemFailed: &j.Failed}[it.State]++
	return nil
}

func (s *jobShelf) End(_ context.Context, id work.OperationID, end work.JobEnd, op func(work.Job) (work.Operation, error)) (work.Job, error) {
	j := s.jobs[id]
	if j == nil || j.State != work.JobRunning || end.State == work.JobEnded && j.Left() > 0 {
		return work.Job{}, work.ErrJobNotRunning
	}
	j.State, j.EndedBy, j.EndReason, j.EndedAt = end.State, end.By, end.Reason, end.At
	done, err := op(*j)
	s.ops = append(s.ops, done)
	return *j, err
}

func (s *jobShelf) Get(_ context.Context, id work.OperationID) (work.Job, error) {
	if s.away && s.startFail != nil {
		return work.Job{}, domain.ErrUnavailable
	}
	if j := s.jobs[id]; j != nil {
		return *j, nil
	}
	return work.Job{}, domain.ErrNotFound
}

func (s *jobShelf) List(context.Context, int, work.OperationID) ([]work.Job, error) { return nil, nil }

// numbers is a kind of job about numbers, up to its filter.
type numbers struct {
	*jobShelf
	pages  int              // how often Select was called
	grow   int              // how many more there are with each page
	errs   map[int][]error  // what Do gives for an item, one after the other
	acted  map[int]int      // how often
	atTime []time.Time      // when something was done
	before func(n int) bool // called before something is done; false: the worker was killed

	forbidden error // what Allowed gives
}

func (k *numbers) Allowed() error { return k.forbidden }

func (k *numbers) Check(f json.RawMessage) (json.RawMessage, error) {
	if _, err := strconv.Atoi(string(f)); err != nil {
		return nil, domain.ErrInvalid
	}
	return f, nil
}

func (k *numbers) Select(_ context.Context, f json.RawMessage, cursor string) (page []Selected, next string, err error) {
	last, _ := strconv.Atoi(string(f))
	from, _ := strconv.Atoi(cmp.Or(cursor, "0"))
	k.pages++
	last += k.grow * k.pages
	for n := from + 1; n <= min(from+700, last); n++ {
		page = append(page, Selected{Subject: strconv.Itoa(n), Seen: 1})
	}
	if from+700 < last {
		next = strconv.Itoa(from + 700)
	}
	return page, next, nil
}

func (k *numbers) Do(ctx context.Context, j work.Job, it work.JobItem) error {
	n, _ := strconv.Atoi(it.Subject)
	if errs := k.errs[n]; len(errs) > 0 {
		k.errs[n] = errs[1:]
		return errs[0]
	}
	if k.before != nil && !k.before(n) {
		return context.Canceled
	}
	it.State, it.EndedAt = work.ItemDone, now()
	if err := k.EndItem(ctx, j.ID, it); err != nil {
		return err
	}
	k.acted[n]++
	k.atTime = append(k.atTime, time.Now())
	return nil
}

func jobsOf(s *jobShelf) (*numbers, Jobs) {
	k := &numbers{jobShelf: s, errs: map[int][]error{}, acted: map[int]int{}}
	return k, Jobs{Kinds: map[string]JobKind{JobRetryOrders: k}, Kept: s, Heads: func(context.Context) ([]int64, error) { return []int64{7}, nil }}
}

func workerOf(k *numbers) *JobWorker {
	return Jobs{Kinds: map[string]JobKind{JobRetryOrders: k}, Kept: k.jobShelf}.Worker()
}

var orderer = By{Actor: "operator:ann", Reason: "the press is mended", About: map[string]string{"run_by": "ann (uid 7)"}}

func order(filter string, rate int) JobOrder {
	return JobOrder{Kind: JobRetryOrders, Filter: json.RawMessage(filter), Rate: rate, By: orderer}
}
