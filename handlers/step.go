package handlers

import (
	"context"
	"errors"
	"fmt"

	"orderflow/crashpoint"
	"orderflow/domain"
)

// runStep opens an attempt of step, has its work done and records what came of it.
func (j *job) runStep(step domain.Step) error {
	err := j.record(func() (*domain.Append, error) { return j.opening(step) })
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
	closing, settle := j.closing(ctx, step, err)
	return j.record(func() (*domain.Append, error) {
		if a, passed := j.passing(step, closing); passed {
			return a, nil
		}
		return j.unit(settle.how, settle.why, closing)
	})
}

// passing is the unit that completes step and starts the next one on this node, in the
// same slot, if the node wants that and no rule forbids it.
func (j *job) passing(step domain.Step, closing domain.Command) (*domain.Append, bool) {
	next, more := step.Next()
	if _, completes := closing.(domain.CompleteStep); !completes || !more || j.lease.MayPass == nil || !j.lease.MayPass(domain.StepTopic(next)) {
		return nil, false
	}
	a, err := j.unit(domain.SettlePass, "", closing, domain.StartStep{Step: next, Attempt: 1, Node: j.conf.Node})
	return a, err == nil
}

// opening is the unit that starts the attempt: the attempt that another node or delivery
// left open is closed in it. It has no events if the attempt is open already, which
// happens when the answer to an append was lost.
func (j *job) opening(step domain.Step) (*domain.Append, error) {
	var before []domain.Command
	last := j.order.Step(step)
	reason := last.Error
	if last.Status == domain.StepStatusRunning {
		if last.Attempt == j.lease.Attempt && last.Node == j.conf.Node {
			return j.unit(domain.SettleKeep, "")
		}
		reason = fmt.Sprintf("node %s was lost", last.Node)
		if last.Attempt < j.lease.Attempt {
			before = append(before, domain.InterruptStep{Step: step, Attempt: last.Attempt, Reason: reason})
		}
	}
	start, err := j.unit(domain.SettleKeep, "", append(before, domain.StartStep{Step: step, Attempt: j.lease.Attempt, Node: j.conf.Node})...)
	if err == nil && j.tooOften() {
		return j.park(reason, before...)
	}
	return start, err
}

// settlement is what becomes of the message, and why.
type settlement struct {
	how domain.Settlement
	why string
}

// closing says how the attempt ended, given what the executor returned.
func (j *job) closing(ctx context.Context, step domain.Step, err error) (domain.Command, settlement) {
	if err == nil {
		return domain.CompleteStep{Step: step, Attempt: j.lease.Attempt}, settlement{how: domain.SettleDone}
	}
	if reason, interrupted := j.interruption(ctx, "step", err); interrupted {
		j.log().WithField("reason", reason).Warn("the step was interrupted")
		return domain.InterruptStep{Step: step, Attempt: j.lease.Attempt, Reason: reason}, settlement{domain.SettleReturn, reason}
	}
	text := cut(err.Error())
	j.log().WithField("error", text).Info("the step failed")
	return domain.FailStep{Step: step, Attempt: j.lease.Attempt, Error: text}, settlement{how: domain.SettleDone}
}

// interruption says whether an executor's error is an end without an outcome: a panic,
// or the end of its time.
func (j *job) interruption(ctx context.Context, what string, err error) (reason string, yes bool) {
	var p *panicError
	switch {
	case errors.As(err, &p):
		j.log().WithField("stack", string(p.stack)).Error(cut(p.Error()))
		return cut(p.Error()), true
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return fmt.Sprintf("%s timed out after %s", what, j.conf.StepTimeout), true
	}
	return "", false
}
