package handlers

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"orderflow/domain"
	"orderflow/domain/work"
)

// attempt has the executor work on, or compensate, one step of the order, within the step's time limit. An
// end without an outcome is an *interruption. The caller must ask whether the lease has ended meanwhile.
func (j *job) attempt(what string, w Work, do func(context.Context, Work) error) error {
	ctx, end := context.WithCancelCause(j.leaseCtx)
	defer end(nil)
	if what == stepWork {
		defer j.running.add(j.id, end)()
	}
	defer context.AfterFunc(j.stopped, func() { end(errStopped) })()
	ctx, cancel := context.WithTimeout(ctx, j.conf.StepTimeout)
	defer cancel()
	ctx = j.watch(ctx)
	err := errStopped
	if j.stopped.Err() == nil {
		err = call(func() error { return do(ctx, w) })
	}
	if err == nil || j.leaseCtx.Err() != nil {
		return err
	}
	var p *panicError
	var short *cutShortError
	switch cause := context.Cause(ctx); {
	case errors.As(err, &p):
		j.log().WithField("stack", string(p.stack)).Error(cut(p.Error()))
		return &interruption{work.SettleReturn, cut(p.Error())}
	case errors.Is(cause, errStopped), errors.Is(err, errStopped): // which is not the work's fault
		return &interruption{work.SettleHandBack, stoppedReason(j.conf.Node, what)}
	case errors.As(cause, &short): // the order is to be rolled back, and nobody tries again
		return &interruption{work.SettleHandBack, short.Error()}
	case errors.Is(cause, context.DeadlineExceeded):
		return &interruption{work.SettleReturn, fmt.Sprintf("%s timed out after %s", what, j.conf.StepTimeout)}
	}
	return err
}

// interruption is the end of an attempt that has no outcome.
type interruption ending

func (i *interruption) Error() string { return i.reason }

// stoppedReason says that a node did not wait for a step or compensation.
func stoppedReason(node, what string) string {
	return fmt.Sprintf("node %s was stopped before the %s had finished", node, what)
}

// work is what an executor is told of the order.
func (j *job) work(step domain.Step, what string) Work {
	return Work{
		Order: j.id, TrackingID: j.order.TrackingID, Detail: j.order.Detail,
		Step: step, Attempt: j.lease.Attempt, Node: j.conf.Node, Key: key(j.id, step, what),
	}
}

// lost is the cause of the lease's end; nil while it is held.
func (j *job) lost() error {
	if j.leaseCtx.Err() == nil {
		return nil
	}
	return context.Cause(j.leaseCtx)
}

// watch makes ctx a watchful one.
func (j *job) watch(ctx context.Context) context.Context {
	if j.conf.Trusted == nil {
		return ctx
	}
	return &watchful{Context: ctx, trusted: func() bool { return j.conf.Trusted(j.lease) }}
}

// watchful is a context whose Err compares the clock. After a pause of the process the timers that end
// contexts can be late; an executor that asks Err before an effect hears of the end all the same.
type watchful struct {
	context.Context
	trusted func() bool
}

// Err is context.Context.
func (w *watchful) Err() error {
	if err := w.Context.Err(); err != nil || w.trusted() {
		return err
	}
	return context.Canceled
}

// errStopped is why the work of a node that stops is cut short.
var errStopped = errors.New("the node is stopping")

// call runs f and turns its panic into an error.
func call(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	return f()
}

// panicError is the panic of an executor.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }
