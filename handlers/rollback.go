package handlers

import (
	"errors"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
)

// rollBack compensates the steps that are left, the last first. Each compensation is recorded before
// the next begins.
func (j *job) rollBack() error {
	for {
		step, left := j.order.NextRollback()
		switch {
		case j.order.Parked:
			return domain.ErrParked
		case !left:
			return domain.ErrNotRolling
		case j.tooOften():
			return j.record(func() (work.Unit, error) { return j.park("") })
		}
		if err := j.lost(); err != nil { // a pause came between the record of the last and this one
			return err
		}
		err := j.attempt("compensation", j.work(step, compensating), j.conf.Executor.Compensate)
		if lost := j.lost(); lost != nil {
			return lost
		}
		if err != nil {
			return j.tryLater(step, err)
		}
		crashpoint.Here("rollback.compensated")
		err = j.record(func() (work.Unit, error) { return j.rolledBack(step) })
		switch {
		case err == nil && j.order.Status().Ended():
			return nil
		case err != nil && !errors.Is(err, domain.ErrRule):
			return err
		}
		// A rule forbids the record if the answer to its append was lost, or if an operator has stepped
		// in. The order has been read again, and the next round goes by it.
		crashpoint.Here("rollback.recorded")
	}
}

// tryLater gives the message back. It appends no event: the log records only what was compensated.
func (j *job) tryLater(step domain.Step, why error) error {
	how := &interruption{work.SettleReturn, cut("compensation failed: " + why.Error())}
	errors.As(why, &how)
	j.log().WithField("step", step).WithField("reason", how.reason).Warn("a step could not be compensated; it will be tried again")
	return j.record(func() (work.Unit, error) { return j.unit(ending(*how)) })
}

// rolledBack is the unit that records a compensation. The last one ends the order, and
// with it the message.
func (j *job) rolledBack(step domain.Step) (work.Unit, error) {
	u, err := j.unit(goesOn, domain.RollBackStep{Step: step, Attempt: j.lease.Attempt, Node: j.conf.Node})
	for _, e := range u.Events {
		switch e.(type) {
		case domain.OrderFailed, domain.OrderCancelled:
			u.Settle = work.SettleDone
		}
	}
	return u, err
}
