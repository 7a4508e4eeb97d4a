package handlers

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
)

// runStep opens an attempt of step, has its work done and records what came of it.
func (j *job) runStep(step domain.Step) error {
	err := j.record(func() (*work.Unit, error) { return j.opening(step) })
	if err != nil || j.order.Parked {
		return err
	}
	crashpoint.Here("step.opened")
	if j.held.Err() != nil { // a pause came between the record and the work
		return context.Cause(j.held)
	}
	ctx, cancel := j.timed()
	defer cancel()
	err = j.call(func() error { return j.conf.Executor.Execute(ctx, j.work(step, executing)) })
	if j.held.Err() != nil {
		return context.Cause(j.held)
	}
	crashpoint.Here("step.worked")
	closing, how := j.closing(ctx, step, err)
	return j.record(func() (*work.Unit, error) {
		if a, passed := j.passing(step, closing); passed {
			return a, nil
		}
		return j.unit(how.settle, how.reason, closing)
	})
}

// passing is the unit that completes step and starts the next one on this node, in the
// same slot, if the node wants that and no rule forbids it.
func (j *job) passing(step domain.Step, closing domain.Command) (*work.Unit, bool) {
	next, more := step.Next()
	if _, completes := closing.(domain.CompleteStep); !completes || !more || !j.delivery.MayGoOn(work.StepTopic(next)) {
		return nil, false
	}
	a, err := j.unit(work.SettlePass, "", closing, domain.StartStep{Step: next, Attempt: 1, Node: j.conf.Node})
	return a, err == nil
}

// opening is the unit that starts the attempt: the attempt that another node or delivery
// left open is closed in it. It has no events if the attempt is open already, which
// happens when the answer to an append was lost.
func (j *job) opening(step domain.Step) (*work.Unit, error) {
	var before []domain.Command
	last := j.order.Step(step)
	reason := last.Error
	if last.Status == domain.StepStatusRunning {
		if last.Attempt == j.lease.Attempt && last.Node == j.conf.Node {
			return j.unit(work.SettleKeep, "")
		}
		reason = j.unended(last)
		if last.Attempt < j.lease.Attempt {
			before = append(before, domain.InterruptStep{Step: step, Attempt: last.Attempt, Reason: reason})
		}
	}
	start, err := j.unit(work.SettleKeep, "", append(before, domain.StartStep{Step: step, Attempt: j.lease.Attempt, Node: j.conf.Node})...)
	if err == nil && j.tooOften() {
		return j.park(reason, before...)
	}
	return start, err
}

// unended says what is known of why the attempt that last describes has no end: only who had the
// message right before can be told apart.
func (j *job) unended(last domain.StepState) string {
	from := j.lease.From
	switch {
	case from.Node != last.Node || last.Attempt != j.lease.Attempt-1:
		return fmt.Sprintf("the attempt on node %s ended without an outcome", last.Node)
	case from.Stopped:
		return stoppedReason(last.Node, "step")
	}
	return fmt.Sprintf("the lease of node %s expired", last.Node)
}

// stoppedReason says of a step or compensation that its node did not wait for it.
func stoppedReason(node, what string) string {
	return fmt.Sprintf("node %s was stopped before the %s had finished", node, what)
}

// ending is what becomes of the message, and why.
type ending struct {
	settle work.Settlement
	reason string
}

// closing says how the attempt ended, given what the executor returned.
func (j *job) closing(ctx context.Context, step domain.Step, err error) (domain.Command, ending) {
	if err == nil {
		return domain.CompleteStep{Step: step, Attempt: j.lease.Attempt}, ending{settle: work.SettleDone}
	}
	if how, interrupted := j.interruption(ctx, "step", err); interrupted {
		j.log().WithField("reason", how.reason).Warn("the step was interrupted")
		return domain.InterruptStep{Step: step, Attempt: j.lease.Attempt, Reason: how.reason}, how
	}
	text := cut(err.Error())
	j.log().WithField("error", text).Info("the step failed")
	return domain.FailStep{Step: step, Attempt: j.lease.Attempt, Error: text}, ending{settle: work.SettleDone}
}

// interruption says whether an executor's error is an end without an outcome: a panic, the end
// of its time, or the node's, which is not the work's fault.
func (j *job) interruption(ctx context.Context, what string, err error) (how ending, yes bool) {
	var p *panicError
	switch cause := context.Cause(ctx); {
	case errors.As(err, &p):
		j.log().WithField("stack", string(p.stack)).Error(cut(p.Error()))
		return ending{work.SettleReturn, cut(p.Error())}, true
	case errors.Is(cause, errStopped), errors.Is(err, errStopped):
		return ending{work.SettleHandBack, stoppedReason(j.conf.Node, what)}, true
	case errors.Is(cause, context.DeadlineExceeded):
		return ending{work.SettleReturn, fmt.Sprintf("%s timed out after %s", what, j.conf.StepTimeout)}, true
	}
	return ending{}, false
}
