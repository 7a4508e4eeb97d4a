package handlers

import (
	"context"

	"orderflow/domain/work"
)

// watchful is a context whose Err looks at the clock itself. When a process goes on
// after a pause, its work may have its turn before the timers that end contexts have
// theirs; who asks Err before an effect is told all the same that the time is over.
type watchful struct {
	context.Context
	held  func(work.Lease) bool
	lease work.Lease
}

// Err is context.Context.
func (w *watchful) Err() error {
	if err := w.Context.Err(); err != nil {
		return err
	}
	if !w.held(w.lease) {
		return context.Canceled
	}
	return nil
}

// watch makes ctx watchful of the job's lease.
func (j *job) watch(ctx context.Context) context.Context {
	if j.conf.Held == nil {
		return ctx
	}
	return &watchful{Context: ctx, held: j.conf.Held, lease: j.lease}
}
