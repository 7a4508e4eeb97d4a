package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

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

// TestJobs_Order_doubt: whoever orders a job hears whether it runs, or its id if that cannot be told.
func TestJobs_Order_doubt(t *testing.T) {
	lost := fmt.Errorf("%w: commit failed", domain.ErrUnavailable)
	for name, c := range map[string]struct {
		fail       error
		took, away bool
		runs       bool
		doubt      bool
	}{
		"it took place":            {fail: lost, took: true, runs: true},
		"it cannot be looked at":   {fail: lost, took: true, away: true, doubt: true},
		"it may still take place":  {fail: lost, doubt: true},
		"it was stopped meanwhile": {fail: work.ErrJobNotRunning},
		"it was refused":           {fail: domain.ErrRule},
	} {
		s := newJobShelf()
		_, jobs := jobsOf(s)
		s.startFail, s.startLost, s.away = c.fail, c.took, c.away
		j, err := jobs.Order(t.Context(), order("3", 0), 3)
		var doubt *JobDoubtError
		is := errors.As(err, &doubt)
		if (err == nil) != c.runs || c.runs && (j.State != work.JobRunning || s.jobs[j.ID] == nil) || is != c.doubt || !c.runs && !errors.Is(err, c.fail) {
			t.Errorf("%s: ordered %+v, err %v", name, j, err)
		}
		if is && (s.jobs[doubt.ID] == nil || !strings.Contains(err.Error(), "look with `orderflow jobs show "+doubt.ID.String()+"` first")) {
			t.Errorf("%s: the error is %v, and there are %v", name, err, s.jobs)
		}
		if !c.runs && !c.doubt && len(s.jobs) > 0 {
			t.Errorf("%s: %v is left", name, s.jobs)
		}
	}
}

// TestJobs_Order_forbidden: what cannot be done now is not frozen.
func TestJobs_Order_forbidden(t *testing.T) {
	s := newJobShelf()
	k, jobs := jobsOf(s)
	k.forbidden = &domain.LevelError{What: "orders can be tried again", Level: 3}
	if _, err := jobs.Order(t.Context(), order("3", 0), 3); !errors.Is(err, k.forbidden) || s.opened+k.pages > 0 {
		t.Errorf("err %v, and %d jobs were opened, %d pages selected; want %v, and nothing", err, s.opened, k.pages, k.forbidden)
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

// TestJobWorker_stuck: a job whose item cannot be done now waits, and holds up no other.
func TestJobWorker_stuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newJobShelf()
		k, jobs := jobsOf(s)
		stuck, _ := jobsOf(s)
		jobs.Kinds[JobCancelOrders] = stuck
		stuck.errs[3] = slices.Repeat([]error{domain.ErrUnavailable}, 4)
		if _, err := jobs.Order(t.Context(), JobOrder{Kind: JobCancelOrders, Filter: json.RawMessage("5"), By: orderer}, 5); err != nil {
			t.Fatal(err)
		}
		if _, err := jobs.Order(t.Context(), order("100", 100), 100); err != nil {
			t.Fatal(err)
		}
		w := jobs.Worker()
		if err := w.Turn(t.Context()); !errors.Is(err, domain.ErrUnavailable) || len(stuck.acted) != 2 || len(k.acted) != 100 {
			t.Errorf("err %v, after %d and %d items; want 2 and 100, and that one could not be done", err, len(stuck.acted), len(k.acted))
		}
		for range 6 {
			_ = w.Turn(t.Context()) // the next one tries again
		}
		if len(stuck.acted) != 5 {
			t.Errorf("%d items of the job that was stuck have ended, want 5", len(stuck.acted))
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
