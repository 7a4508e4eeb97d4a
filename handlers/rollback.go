package handlers

import (
	"context"
	"errors"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
)

// rollBack compensates the steps that are left, the last first, each recorded before
// the next begins.
func (j *job) rollBack() error {
	for {
		step, _ := j.order.NextRollback()
		command := domain.RollBackStep{Step: step, Attempt: j.lease.Attempt, Node: j.conf.Node}
		if _, err := j.order.Decide(command); err != nil {
			return err
		}
		if j.tooOften() {
			return j.record(func() (*work.Unit, error) { return j.park("") })
		}
		if j.held.Err() != nil { // a pause came between the record of the last and this one
			return context.Cause(j.held)
		}
		how, ok := j.compensate(step)
		if j.held.Err() != nil {
			return context.Cause(j.held)
		}
		if !ok {
			return j.tryLater(step, how)
		}
		crashpoint.Here("rollback.compensated")
		err := j.record(func() (*work.Unit, error) { return j.rolledBack(command) })
		// A rule that forbids it says that it is in the log already, though the answer to its
		// append was lost; or an operator has stepped in. The top of the loop knows.
		if err != nil && !errors.Is(err, domain.ErrRule) {
			return err
		}
		if err == nil && j.order.Status().Ended() {
			return nil
		}
		crashpoint.Here("rollback.recorded")
	}
}

// compensate undoes one step, within the time of one step. If that could not be done, how says
// why, and what becomes of the message.
func (j *job) compensate(step domain.Step) (how ending, ok bool) {
	ctx, cancel := j.timed()
	defer cancel()
	err := j.call(func() error { return j.conf.Executor.Compensate(ctx, j.work(step, compensating)) })
	if err == nil {
		return ending{}, true
	}
	if how, interrupted := j.interruption(ctx, "compensation", err); interrupted {
		return how, false
	}
	return ending{work.SettleReturn, cut("compensation failed: " + err.Error())}, false
}

// tryLater gives the message back. No event tells of it: of a rollback the log knows what has
// been done.
func (j *job) tryLater(step domain.Step, how ending) error {
	j.log().WithField("step", step).WithField("reason", how.reason).Warn("a step could not be compensated; it will be tried again")
	return j.record(func() (*work.Unit, error) { return j.unit(how.settle, how.reason) })
}

// rolledBack is the unit that records a compensation. The last one ends the order, and
// with it the message.
func (j *job) rolledBack(command domain.RollBackStep) (*work.Unit, error) {
	a, err := j.unit(work.SettleKeep, "", command)
	if err != nil {
		return nil, err
	}
	for _, e := range a.Events {
		if _, ended := e.(domain.OrderFailed); ended {
			a.Settle = work.SettleDone
		}
	}
	return a, nil
}
