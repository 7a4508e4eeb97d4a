package handlers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

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

// loadTimeout bounds the reading of an order.
const loadTimeout = 20 * time.Second

// job is one message being handled.
type job struct {
	*Steps
	delivery work.Delivery
	lease    work.Lease
	leaseCtx context.Context // ends with the lease
	id       domain.OrderID
	order    *domain.Order
	fresh    bool // the order was read from the database for this message, and the job has appended nothing since
	meta     domain.Metadata
}

// log makes the logger for a line about the order: most messages have none.
func (j *job) log() *logrus.Entry {
	return j.conf.Logger.WithFields(logrus.Fields{
		"order_id": j.id.String(), "correlation_id": j.meta.CorrelationID, "topic": j.lease.Topic, "attempt": j.lease.Attempt,
	})
}

// begin gets the order: from the delivery, from the store's memory, or from the database.
func (j *job) begin() error {
	// If others have appended since the lease was passed on, the job's append is a conflict.
	if j.order = j.delivery.Order(); j.order != nil && j.order.ID == j.id {
		return nil
	}
	// If the message was delivered before, more may have been recorded elsewhere than this node
	// remembers, and what it remembers may forbid the next attempt for ever.
	if j.lease.Attempt == 1 {
		err := j.load(func(ctx context.Context) ([]domain.Recorded, error) {
			return j.conf.Store.LoadAt(ctx, j.id, j.lease.Position)
		})
		if !errors.Is(err, domain.ErrCorrupt) {
			return err
		}
	}
	return j.refresh()
}

// refresh reads the order from the database, before anything is done for the message, or again.
func (j *job) refresh() error {
	j.fresh = true
	return j.load(j.stored)
}

// stored reads the order's stream from the database.
func (j *job) stored(ctx context.Context) ([]domain.Recorded, error) {
	return j.conf.Store.Load(ctx, j.id)
}

// load folds the order from the events that read gives.
func (j *job) load(read func(context.Context) ([]domain.Recorded, error)) error {
	ctx, cancel := context.WithTimeout(j.leaseCtx, loadTimeout)
	defer cancel()
	events, err := read(ctx)
	if err != nil {
		return fmt.Errorf("load order %s: %w", j.id, err)
	}
	order, err := domain.Fold(events)
	if err == nil {
		j.order = &order
	}
	return err
}

// unit makes the unit of work of commands on the order, and of the end of its message. Where another message follows
// from them, such as that of the rollback, this one has been dealt with, however it was to end.
func (j *job) unit(end ending, commands ...domain.Command) (work.Unit, error) {
	u, err := work.Prepare(j.order, j.meta, commands...)
	if len(u.Messages) > 0 && !end.settle.InHand() {
		end = isDone
	}
	u.Settle, u.Reason = end.settle, end.reason
	return u, err
}

// ending is what becomes of the message, and why.
type ending struct {
	settle work.Settlement
	reason string
}

var (
	goesOn = ending{settle: work.SettleKeep}
	isDone = ending{settle: work.SettleDone}
)

// record appends the unit that decide makes, and applies its events to the order. On a conflict the
// order is read again and decide is called again. While the database is away, record tries again,
// until the lease ends.
func (j *job) record(decide func() (work.Unit, error)) error {
	conflicts := 0
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := j.append(decide)
		if errors.Is(err, domain.ErrConflict) && conflicts < maxConflicts {
			conflicts++
			if err = j.load(j.stored); err == nil {
				continue
			}
		}
		if err == nil {
			j.fresh = false
			return nil
		}
		if final(err) {
			return err
		}
		j.log().WithError(err).Warn("an outcome could not be stored; trying again")
		if ended := wait(j.leaseCtx, pause/2+rand.N(pause)); ended != nil {
			return fmt.Errorf("%w (%w)", err, ended)
		}
	}
}

// append appends the unit that decide makes and applies its events to the order. If the lease is
// passed on, the delivery gets the order, which then has exactly the stored events.
func (j *job) append(decide func() (work.Unit, error)) error {
	u, err := decide()
	if err != nil {
		return err
	}
	if len(u.Events) == 0 && u.Settle == work.SettleKeep {
		return nil
	}
	done, err := j.appendUnderLease(u)
	if err != nil {
		return err
	}
	if err := j.order.Apply(done.Events...); err != nil {
		return err
	}
	j.conf.Observe(j.order, done.Events)
	for i := range done.Events {
		if _, was := done.Events[i].Event.(domain.StepInterrupted); was {
			j.interrupted.Add(1)
		}
	}
	if done.Next != nil {
		j.delivery.GoOn(*done.Next, j.order)
	}
	return nil
}

// appendUnderLease appends a unit, and tells the delivery if the lease has ended.
func (j *job) appendUnderLease(u work.Unit) (work.Outcome, error) {
	u.Lease = j.lease
	done, err := j.conf.Store.Append(j.leaseCtx, u)
	if errors.Is(err, domain.ErrFenced) || err == nil && u.Settle != work.SettleKeep {
		j.delivery.Settled()
	}
	return done, err
}

// final says that appending the unit again cannot help. An error without a known kind counts as a
// passing fault of the database.
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

// park takes the order out of the flow and moves its message to the dead letters. last says why the
// latest attempt had no outcome; empty if nobody knows. first are commands that come before.
func (j *job) park(last string, first ...domain.Command) (work.Unit, error) {
	reason := fmt.Sprintf("interrupted %d times", j.lease.Interruptions)
	if last != "" {
		reason = cut(reason + "; the last time: " + last)
	}
	j.log().WithField("reason", reason).Warn("parking the order")
	return j.unit(ending{work.SettlePark, reason}, append(first, domain.Park{Reason: reason})...)
}

// maxReason bounds the texts of executors that are stored, in bytes.
const maxReason = 1000

// cut makes a text fit to be stored: valid UTF-8 of maxReason bytes at most.
func cut(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= maxReason {
		return text
	}
	end := maxReason
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
