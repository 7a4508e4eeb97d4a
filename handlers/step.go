package handlers

import (
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
)

// stepWork is what an attempt of a step is called.
const stepWork = "step"

// runStep opens an attempt of step, has the executor work, and records the outcome.
func (j *job) runStep(step domain.Step) error {
	err := j.record(func() (work.Unit, error) { return j.opening(step) })
	if err != nil || j.order.Step(step).Status != domain.StepStatusRunning { // it is parked, or is to be rolled back
		return err
	}
	crashpoint.Here("step.opened")
	if err := j.lost(); err != nil { // a pause came between the record and the work
		return err
	}
	err = j.attempt(stepWork, j.work(step, executing), j.conf.Executor.Execute)
	if lost := j.lost(); lost != nil {
		return lost
	}
	crashpoint.Here("step.worked")
	closing, how := j.closing(step, err)
	return j.record(func() (work.Unit, error) {
		if u, passed := j.passing(step, closing); passed {
			return u, nil
		}
		return j.unit(how, closing)
	})
}

// passing is the unit that completes step and starts the next one in the same slot. passed is false
// if the step did not complete or is the last, if the delivery says no, or if a rule forbids it.
func (j *job) passing(step domain.Step, closing domain.Command) (u work.Unit, passed bool) {
	next, more := step.Next()
	if _, completes := closing.(domain.CompleteStep); !completes || !more || !j.delivery.MayGoOn(work.StepTopic(next)) {
		return u, false
	}
	u, err := j.unit(ending{settle: work.SettlePass}, closing, domain.StartStep{Step: next, Attempt: 1, Node: j.conf.Node})
	return u, err == nil
}

// opening is the unit that starts the attempt, and closes an attempt that another node or delivery
// left open. It has no events if the attempt is open already, as after a lost answer to an append. If an operator
// has asked for the end of the order, it only closes.
func (j *job) opening(step domain.Step) (work.Unit, error) {
	var before []domain.Command
	last := j.order.Step(step)
	reason := last.Error
	if last.Status == domain.StepStatusRunning {
		if last.Attempt == j.lease.Attempt && last.Node == j.conf.Node {
			return j.unit(goesOn)
		}
		reason = j.unended(last)
		if last.Attempt < j.lease.Attempt {
			before = append(before, domain.InterruptStep{Step: step, Attempt: last.Attempt, Reason: reason})
		}
	}
	if j.order.Request.Made() && len(before) > 0 {
		return j.unit(isDone, before...)
	}
	start, err := j.unit(goesOn, append(before, domain.StartStep{Step: step, Attempt: j.lease.Attempt, Node: j.conf.Node})...)
	if err == nil && j.tooOften() {
		return j.park(reason, before...)
	}
	return start, err
}

// unended says why an attempt has no outcome. The reason is known only if the attempt was that of
// the node that had the message right before.
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

// closing is the command that ends the attempt, given what the executor returned.
func (j *job) closing(step domain.Step, err error) (domain.Command, ending) {
	if err == nil {
		return domain.CompleteStep{Step: step, Attempt: j.lease.Attempt}, isDone
	}
	var how *interruption
	if errors.As(err, &how) {
		j.log().WithField("reason", how.reason).Warn("the step was interrupted")
		return domain.InterruptStep{Step: step, Attempt: j.lease.Attempt, Reason: how.reason}, ending(*how)
	}
	text := cut(err.Error())
	j.log().WithField("error", text).Info("the step failed")
	return domain.FailStep{Step: step, Attempt: j.lease.Attempt, Error: text}, isDone
}
