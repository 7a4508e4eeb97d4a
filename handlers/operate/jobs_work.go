package operate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"orderflow/domain"
	"orderflow/domain/work"
)

const (
	// jobTurn is how long a worker of jobs goes on before it asks again which jobs there are.
	jobTurn = 6 * time.Second
	// readAtOnce is how many items are read at once.
	readAtOnce = 100
	// lag bounds what a job catches up after it could not keep its rate.
	lag = 100 * time.Millisecond
	// maxItemConflicts bounds how often an item is tried again in whose order others have written meanwhile.
	maxItemConflicts = 5
	// maxItemTries bounds how often an item is tried that fails for no known reason, though the database is there.
	maxItemTries = 5
	maxNote      = 1000 // bytes
)

// JobLedger keeps jobs that run.
type JobLedger interface {
	// Running gives them, the oldest first.
	Running(ctx context.Context) ([]work.Job, error)
	// Items gives items of one state, in order, of those behind a place.
	Items(ctx context.Context, id work.OperationID, state string, after, most int) ([]work.JobItem, error)
	// EndItem ends an item to which nothing was done. Errors are as those of JobKind.Do.
	EndItem(ctx context.Context, id work.OperationID, it work.JobItem) error
	// End ends a job whose items have all ended, and records the operation that op makes of it. It is
	// work.ErrJobNotRunning if others did.
	End(ctx context.Context, id work.OperationID, end work.JobEnd, op func(work.Job) (work.Operation, error)) (work.Job, error)
}

// JobWorker works jobs off: all that run, each at its own rate. Items end in the transactions of what is done to them, so
// that a second worker beside it, or one that begins where another was killed, does nothing twice.
type JobWorker struct {
	jobs  Jobs
	paces map[work.OperationID]*pace
}

// Worker makes a worker of jobs.
func (s Jobs) Worker() *JobWorker { return &JobWorker{jobs: s} }

// pace is how far a job is.
type pace struct {
	job     work.Job
	due     time.Time      // of the next item
	waiting []work.JobItem // that were read and have not ended
	last    int            // the place of the last that was read
	tries   int            // of the first of waiting
}

// Turn works for a while, or as long as jobs run. It ends early with ctx, which is no error. A job whose next item cannot
// be done now waits for the next turn; the error says so.
func (w *JobWorker) Turn(ctx context.Context) error {
	running, err := w.jobs.Kept.Running(ctx)
	if err != nil {
		return quietIf(ctx, err)
	}
	w.heed(running)
	for until := time.Now().Add(jobTurn); ; {
		p := w.next()
		if p == nil || p.due.After(until) || !sleepUntil(ctx, p.due) {
			return quietIf(ctx, err)
		}
		over, failed := w.one(ctx, p)
		if failed != nil {
			err, p.due = failed, time.Now().Add(jobTurn) // the others go on meanwhile
			continue
		}
		if over {
			delete(w.paces, p.job.ID)
		}
		p.due = p.due.Add(time.Second / time.Duration(p.job.Rate))
		if late := time.Now().Add(-lag); p.due.Before(late) {
			p.due = late
		}
	}
}

// quietIf is no error if ctx has ended.
func quietIf(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// sleepUntil waits; it is false if ctx ends first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// heed takes up the jobs that run, and forgets the others. Jobs of a kind that only newer programs know are left to them.
func (w *JobWorker) heed(running []work.Job) {
	paces := map[work.OperationID]*pace{}
	for _, j := range running {
		if _, known := w.jobs.Kinds[j.Kind]; !known {
			continue
		}
		p := w.paces[j.ID]
		if p == nil {
			p = &pace{due: time.Now()}
		}
		p.job, paces[j.ID] = j, p
	}
	w.paces = paces
}

// next is the job whose item is due first; nil if there is none.
func (w *JobWorker) next() (first *pace) {
	for _, p := range w.paces {
		if first == nil || p.due.Before(first.due) {
			first = p
		}
	}
	return first
}

// one does the next item of a job. over says that the job does not run any more. After an error that is not the item's
// own, the item is tried again at the next turn.
func (w *JobWorker) one(ctx context.Context, p *pace) (over bool, err error) {
	if len(p.waiting) == 0 {
		if over, err = w.read(ctx, p); over || err != nil || len(p.waiting) == 0 {
			return over, err
		}
	}
	it := p.waiting[0]
	err = w.do(ctx, p.job, it)
	if ctx.Err() == nil {
		err = w.endUndone(ctx, p, it, err)
	}
	switch {
	case errors.Is(err, work.ErrJobNotRunning):
		return true, nil
	case err != nil && !errors.Is(err, work.ErrItemEnded):
		return false, err
	}
	p.waiting, p.tries = p.waiting[1:], 0
	return false, nil
}

// read reads items that wait. If there are none any more, the job ends. Should some wait all the same, the next turn begins
// with the first of them.
func (w *JobWorker) read(ctx context.Context, p *pace) (over bool, err error) {
	p.waiting, err = w.jobs.Kept.Items(ctx, p.job.ID, work.ItemWaiting, p.last, readAtOnce)
	switch {
	case err != nil:
		return false, err
	case len(p.waiting) > 0:
		p.last, p.tries = p.waiting[len(p.waiting)-1].Seq, 0
		return false, nil
	}
	_, err = w.jobs.Kept.End(ctx, p.job.ID, work.JobEnd{State: work.JobEnded, At: now()}, func(j work.Job) (work.Operation, error) {
		return ByOf(j).Operation("jobs end", "job "+j.ID.String(), fmt.Sprintf("%d done, %d skipped, %d failed of %d", j.Done, j.Skipped, j.Failed, j.Total))
	})
	if errors.Is(err, work.ErrJobNotRunning) {
		err = nil
	}
	return true, err
}

// ByOf is who ordered a job, and why.
func ByOf(j work.Job) By { return By{Actor: j.Actor, Reason: j.Reason, About: j.About} }

// do does an item. If others write to its order meanwhile, it is judged again.
func (w *JobWorker) do(ctx context.Context, j work.Job, it work.JobItem) (err error) {
	for range maxItemConflicts {
		if err = w.jobs.Kinds[j.Kind].Do(ctx, j, it); !errors.Is(err, domain.ErrConflict) {
			return err
		}
	}
	return err
}

// endUndone ends an item that was not done for a reason of its own, and then gives the error of that. Other errors are
// given back.
func (w *JobWorker) endUndone(ctx context.Context, p *pace, it work.JobItem, err error) error {
	var changed *ChangedError
	switch {
	case err == nil, errors.Is(err, work.ErrItemEnded), errors.Is(err, work.ErrJobNotRunning), errors.Is(err, domain.ErrUnavailable):
		return err
	case errors.As(err, &changed):
		it.State, it.Note = work.ItemSkipped, changed.How
	case final(err) || p.tries+1 >= maxItemTries:
		it.State, it.Note = work.ItemFailed, shortened(err.Error())
	default:
		p.tries++
		return err
	}
	it.EndedAt = now()
	return w.jobs.Kept.EndItem(ctx, p.job.ID, it)
}

// final says that it cannot help to try the item again.
func final(err error) bool {
	for _, kind := range []error{domain.ErrRule, domain.ErrInvalid, domain.ErrNotFound, domain.ErrConflict, domain.ErrDuplicate, domain.ErrCorrupt, domain.ErrNewer} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// shortened makes a text fit to be stored.
func shortened(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= maxNote {
		return text
	}
	end := maxNote
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
