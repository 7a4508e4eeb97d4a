package operate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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

	opened int // jobs
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
	j.State, j.Total, j.StartedAt = work.JobRunning, total, op.At
	s.ops = append(s.ops, op)
	return nil
}

func (s *jobShelf) Remove(_ context.Context, id work.OperationID) error {
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
}

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

func TestJobs_Plan(t *testing.T) {
	s := newJobShelf()
	k, jobs := jobsOf(s)
	p, err := jobs.Plan(t.Context(), order("1500", 0))
	if err != nil || p.Count != 1500 || len(p.Sample) != JobSample || p.Sample[19].Subject != "20" || len(s.jobs)+len(s.ops) > 0 || k.pages != 3 {
		t.Errorf("planned %+v, err %v; want 1500, of which 20 are shown, and nothing written", p, err)
	}
	if p, err := jobs.Plan(t.Context(), order("100000", 0)); err != nil || p.Count != MaxJobItems {
		t.Errorf("planned %d, err %v", p.Count, err)
	}
	for what, o := range map[string]JobOrder{
		"too many":     order("100001", 0),
		"no filter":    order("x", 0),
		"a high rate":  order("1", MaxJobRate+1),
		"a low rate":   order("1", -1),
		"another kind": {Kind: JobCancelOrders, By: orderer},
		"no reason":    {Kind: JobRetryOrders, Filter: json.RawMessage("1"), By: By{Actor: "operator"}},
	} {
		if _, err := jobs.Plan(t.Context(), o); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err %v, want ErrInvalid", what, err)
		}
	}
}

func TestJobs_Order(t *testing.T) {
	s := newJobShelf()
	_, jobs := jobsOf(s)
	j, err := jobs.Order(t.Context(), order("1500", 0), 1500)
	if err != nil || j.State != work.JobRunning || j.Total != 1500 || j.Rate != DefaultJobRate || len(s.items[j.ID]) != 1500 || s.items[j.ID][1499].Subject != "1500" {
		t.Fatalf("ordered %+v, err %v", j, err)
	}
	if op := s.ops[0]; len(s.ops) != 1 || op.ID != j.ID || op.Action != "orders retry" || op.Actor != orderer.Actor || op.Reason != orderer.Reason ||
		string(op.Details) != `{"filter":1500,"items":1500,"positions":[7],"rate":100,"run_by":"ann (uid 7)"}` {
		t.Errorf("recorded %+v %s", op, op.Details)
	}
	var count *JobCountError
	if _, err := jobs.Order(t.Context(), order("10", 0), 9); !errors.As(err, &count) || *count != (JobCountError{9, 10}) || !errors.Is(err, domain.ErrConflict) || s.opened != 1 {
		t.Errorf("another number was confirmed: err %v, and %d jobs were opened", err, s.opened)
	}
	if _, err := jobs.Order(t.Context(), order("0", 0), 0); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("nothing was confirmed: err %v", err)
	}
	k, jobs := jobsOf(s)
	k.grow = 1 // 11 when they are counted, and 12 when they are frozen
	if _, err := jobs.Order(t.Context(), order("10", 0), 11); !errors.As(err, &count) || *count != (JobCountError{11, 12}) {
		t.Errorf("there were more when they were frozen: err %v", err)
	}
	if len(s.jobs) != 1 || len(s.items) != 1 || len(s.ops) != 1 {
		t.Errorf("%d jobs, %d of items, %d operations; want those of the one that was ordered", len(s.jobs), len(s.items), len(s.ops))
	}
}

// worked has turns taken until no job runs.
func worked(t *testing.T, s *jobShelf, k *numbers) {
	t.Helper()
	w := workerOf(k)
	for range 1000 {
		_ = w.Turn(t.Context()) // the next one tries again
		if running, _ := s.Running(t.Context()); len(running) == 0 {
			return
		}
	}
	t.Fatal("the job does not end")
}

func TestJobWorker_outcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newJobShelf()
		k, jobs := jobsOf(s)
		strange := errors.New("strange")
		k.errs = map[int][]error{
			2: {&ChangedError{"it is gone"}}, 3: {fmt.Errorf("%w: no", domain.ErrRule)}, 4: {domain.ErrUnavailable, strange, domain.ErrUnavailable},
			5: {domain.ErrConflict, domain.ErrConflict}, 6: slices.Repeat([]error{domain.ErrConflict}, 9), 7: slices.Repeat([]error{strange}, 9),
			8: {errors.New(strings.Repeat("ö", 900))}, 9: {work.ErrItemEnded},
		}
		k.errs[8] = slices.Repeat(k.errs[8], 9)
		j, err := jobs.Order(t.Context(), order("250", 1000), 250)
		if err != nil {
			t.Fatal(err)
		}
		worked(t, s, k)
		got := s.jobs[j.ID]
		if got.State != work.JobEnded || got.JobCounts != (work.JobCounts{Done: 245, Skipped: 1, Failed: 4}) {
			t.Errorf("ended as %+v", got)
		}
		for n := 1; n <= 250; n++ {
			want, state := 1, work.ItemDone
			switch n {
			case 2:
				want, state = 0, work.ItemSkipped
			case 3, 6, 7, 8:
				want, state = 0, work.ItemFailed
			}
			if it := s.items[j.ID][n-1]; k.acted[n] != want || it.State != state || (it.Note == "") != (state == work.ItemDone) || len(it.Note) > maxNote {
				t.Errorf("item %d: acted on %d times, %+v; want %d, %s", n, k.acted[n], it, want, state)
			}
		}
		if op := s.ops[len(s.ops)-1]; op.Action != "jobs end" || op.Result != "245 done, 1 skipped, 4 failed of 250" || op.Reason != orderer.Reason {
			t.Errorf("recorded %+v", op)
		}
	})
}

// TestJobWorker_rates: each job keeps its rate, beside the others.
func TestJobWorker_rates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newJobShelf()
		k, jobs := jobsOf(s)
		begun, last := time.Now(), map[int]time.Duration{}
		for items, rate := range map[int]int{30: 10, 400: 100} {
			if _, err := jobs.Order(t.Context(), order(strconv.Itoa(items), rate), items); err != nil {
				t.Fatal(err)
			}
		}
		worked(t, s, k)
		for _, j := range s.jobs {
			items := s.items[j.ID]
			last[j.Rate] = items[len(items)-1].EndedAt.Sub(begun)
			for i := 1; i < len(items); i++ {
				if gap := items[i].EndedAt.Sub(items[i-1].EndedAt); gap != time.Second/time.Duration(j.Rate) {
					t.Fatalf("at %d a second, item %d ended %s after the one before", j.Rate, i+1, gap)
				}
			}
		}
		if last[10] != 2900*time.Millisecond || last[100] != 3990*time.Millisecond {
			t.Errorf("the last ended after %v", last)
		}
	})
}

// TestJobWorker_killed: a worker that begins where another one was killed does what is left, and two at once do it once.
func TestJobWorker_killed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newJobShelf()
		k, jobs := jobsOf(s)
		if _, err := jobs.Order(t.Context(), order("300", 1000), 300); err != nil {
			t.Fatal(err)
		}
		first, kill := context.WithCancel(t.Context())
		k.before = func(n int) bool {
			if n == 120 {
				kill()
			}
			return n != 120
		}
		stale := workerOf(k)
		if err := stale.Turn(first); err != nil || len(k.acted) != 119 {
			t.Fatalf("%d items ended before the kill, err %v", len(k.acted), err)
		}
		k.before = nil
		if err := workerOf(k).Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := stale.Turn(t.Context()); err != nil { // it was only paused
			t.Fatal(err)
		}
		for n := 1; n <= 300; n++ {
			if k.acted[n] != 1 {
				t.Errorf("item %d was acted on %d times", n, k.acted[n])
			}
		}
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newJobShelf()
		k, jobs := jobsOf(s)
		j, err := jobs.Order(t.Context(), order("900", 50), 900)
		if err != nil {
			t.Fatal(err)
		}
		w := workerOf(k)
		if err := w.Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, err := jobs.Progress(t.Context(), j.ID)
		if err != nil || p.Left != 900-len(k.acted) || p.PerSecond < 49 || p.PerSecond > 51 || time.Until(p.EndsAt).Round(time.Second) > 13*time.Second {
			t.Errorf("progress %+v, err %v", p, err)
		}
		done := len(k.acted)
		bob := By{Actor: "operator:bob", Reason: "enough"}
		stopped, err := jobs.Stop(t.Context(), j.ID, bob)
		if err != nil || !stopped.Changed || stopped.Job.Left != 900-done || stopped.Job.EndedBy != bob.Actor {
			t.Errorf("stopped %+v, err %v", stopped, err)
		}
		if err := w.Turn(t.Context()); err != nil || len(k.acted) != done {
			t.Errorf("%d items ended after the stop, err %v", len(k.acted)-done, err)
		}
		if again, err := jobs.Stop(t.Context(), j.ID, bob); err != nil || again.Changed || again.Job.State != work.JobStopped {
			t.Errorf("stopped again: %+v, err %v", again, err)
		}
		if _, err := jobs.Stop(t.Context(), work.OperationID{1}, bob); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("no such job: err %v", err)
		}
		time.Sleep(time.Minute)
		if p, err := jobs.Progress(t.Context(), j.ID); err != nil || p.PerSecond != 0 || !p.EndsAt.IsZero() {
			t.Errorf("the progress of a stopped job is %+v, err %v", p, err)
		}
	})
}
