package handlers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/domain/work"
)

// An append that failed for the moment is offered again after a pause that grows.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// maxConflicts bounds how often a decision is made again because the stream has moved
// on. Only an operator writes to an order that is being worked on, so one is rare.
const maxConflicts = 10

// job is one message being handled.
type job struct {
	*Steps
	delivery work.Delivery
	lease    work.Lease
	held     context.Context // ends with the lease
	id       domain.OrderID
	order    *domain.Order
	read     bool // from the database, for this message, and nothing has been done since
	meta     domain.Metadata
}

// log makes the logger for a line about the order: most messages have none.
func (j *job) log() *logrus.Entry {
	return j.conf.Logger.WithFields(logrus.Fields{
		"order_id": j.id.String(), "correlation_id": j.meta.CorrelationID, "topic": j.lease.Topic, "attempt": j.lease.Attempt,
	})
}

// loadTimeout bounds the reading of an order.
const loadTimeout = 20 * time.Second

// load reads the order as it is now.
func (j *job) load() error {
	ctx, cancel := context.WithTimeout(j.held, loadTimeout)
	defer cancel()
	return j.fold(j.conf.Store.Load(ctx, j.id))
}

// errStopped is why the work of a node that stops is cut short.
var errStopped = errors.New("the node is stopping")

// timed is the context for an executor's work: it ends with the lease, when the node will wait
// no longer (cause errStopped), and with the step's time, which begins now. What comes before
// and after, and waits for the database, is not the step's.
func (j *job) timed() (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(j.held)
	unhook := context.AfterFunc(j.stopped, func() { end(errStopped) })
	ctx, cancel := context.WithTimeout(ctx, j.conf.StepTimeout)
	return j.watch(ctx), func() {
		unhook()
		cancel()
		end(nil)
	}
}

// fold makes the order of its events, as the store gave them.
func (j *job) fold(events []domain.Recorded, err error) error {
	if err != nil {
		return fmt.Errorf("load order %s: %w", j.id, err)
	}
	order := new(domain.Order)
	if err := order.ApplyAll(events); err != nil {
		return err
	}
	j.order = order
	return nil
}

// unit decides commands on the order as it is now, and says what becomes of the lease.
func (j *job) unit(settle work.Settlement, reason string, commands ...domain.Command) (*work.Unit, error) {
	u, err := work.Prepare(j.order, j.meta, commands...)
	if err != nil {
		return nil, err
	}
	u.Settle, u.Reason = settle, reason
	return &u, nil
}

// record stores what decide decides and moves the order on. When the stream has moved
// on, it has the decision made again on what is there now. While the database is away
// it tries again, until the lease ends.
func (j *job) record(decide func() (*work.Unit, error)) error {
	conflicts := 0
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := j.append(decide)
		if errors.Is(err, domain.ErrConflict) && conflicts < maxConflicts {
			conflicts++
			if err = j.load(); err == nil {
				continue
			}
		}
		if err == nil {
			j.read = false
			return nil
		}
		if final(err) {
			return err
		}
		j.log().WithError(err).Warn("an outcome could not be stored; trying again")
		if ended := wait(j.held, pause/2+rand.N(pause)); ended != nil {
			return fmt.Errorf("%w (%w)", err, ended)
		}
	}
}

// appendUnder appends a unit under the lease of a delivery, which it tells that the lease has ended.
func (s *Steps) appendUnder(ctx context.Context, d work.Delivery, u work.Unit) (work.Outcome, error) {
	u.Lease = d.Lease()
	done, err := s.conf.Store.Append(ctx, u)
	if errors.Is(err, domain.ErrFenced) || err == nil && u.Settle != work.SettleKeep {
		d.Settled()
	}
	return done, err
}

// append stores what decide decides. The order goes along with a lease that is passed on:
// nothing that is known to be stored is missing in it, and nothing else is in it.
func (j *job) append(decide func() (*work.Unit, error)) error {
	a, err := decide()
	if err != nil {
		return err
	}
	if len(a.Events) == 0 && a.Settle == work.SettleKeep {
		return nil
	}
	done, err := j.appendUnder(j.held, j.delivery, *a)
	if err != nil {
		return err
	}
	if err := j.order.ApplyAll(done.Events); err != nil {
		return err
	}
	j.count(done.Events)
	if done.Next != nil {
		j.delivery.GoOn(*done.Next, j.order)
	}
	return nil
}

// count counts the attempts that were interrupted.
func (j *job) count(events []domain.Recorded) {
	for i := range events {
		if _, was := events[i].Event.(domain.StepInterrupted); was {
			j.interrupted.Add(1)
		}
	}
}

// final says that offering the same thing again cannot help. What is not known is
// taken for a fault of the database that will pass.
func final(err error) bool {
	for _, kind := range []error{
		domain.ErrRule, domain.ErrFenced, domain.ErrConflict, domain.ErrInvalid,
		domain.ErrNotFound, domain.ErrDuplicate, domain.ErrCorrupt, domain.ErrNewer,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// tooOften says that the message has been interrupted so often that its order is to be
// parked.
func (j *job) tooOften() bool { return j.lease.Interruptions >= j.conf.MaxInterruptions }

// park takes the order out of the flow and its message to the dead letters. last is
// why the latest attempt had no outcome, if that is known.
func (j *job) park(last string, first ...domain.Command) (*work.Unit, error) {
	reason := fmt.Sprintf("interrupted %d times", j.lease.Interruptions)
	if last != "" {
		reason = cut(reason + "; the last time: " + last)
	}
	j.log().WithField("reason", reason).Warn("parking the order")
	return j.unit(work.SettlePark, reason, append(first, domain.Park{Reason: reason})...)
}

func (j *job) work(step domain.Step, what string) Work {
	return Work{
		Order: j.id, TrackingID: j.order.TrackingID, Detail: j.order.Detail,
		Step: step, Attempt: j.lease.Attempt, Node: j.conf.Node, Key: key(j.id, step, what),
	}
}
