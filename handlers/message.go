package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Handler is the handler of one of work.Topics; nil for any other topic.
func (s *Steps) Handler(topic string) message.NoPublishHandlerFunc {
	if topic == work.TopicRollback {
		return s.handler((*job).rollBack)
	}
	steps := domain.Steps()
	i := slices.IndexFunc(steps, func(step domain.Step) bool { return work.StepTopic(step) == topic })
	if i < 0 {
		return nil
	}
	return s.handler(func(j *job) error { return j.runStep(steps[i]) })
}

// handler makes a message handler of a function that works on an order. The handler returns nil when the
// message has been dealt with, also by dropping it.
func (s *Steps) handler(do func(*job) error) message.NoPublishHandlerFunc {
	return func(msg *message.Message) error {
		j, err := s.newJob(msg)
		if err == nil {
			err = j.begin()
		}
		switch {
		case errors.Is(err, domain.ErrNewer):
			return j.release(err)
		case err != nil:
			return fmt.Errorf("message %s: %w", msg.UUID, err)
		}
		err = j.handle(do)
		switch {
		case err == nil:
			return nil
		case j.leaseCtx.Err() != nil:
			// Someone else has the order, or will have it. The router doesn't log canceled work.
			return fmt.Errorf("order %s, attempt %d: %w: %w", j.id, j.lease.Attempt, j.leaseCtx.Err(), context.Cause(j.leaseCtx))
		case errors.Is(err, domain.ErrRule) && j.fresh, errors.Is(err, domain.ErrFenced):
			j.log().WithError(err).Info("dropped a message that is out of date")
			return nil
		case errors.Is(err, domain.ErrNewer):
			return j.release(err)
		}
		return fmt.Errorf("order %s, attempt %d: %w", j.id, j.lease.Attempt, err)
	}
}

// newJob reads a message.
func (s *Steps) newJob(msg *message.Message) (*job, error) {
	delivery := work.DeliveryFrom(msg.Context())
	if delivery == nil {
		return nil, errors.New("it was delivered without a lease")
	}
	id, err := work.DecodePayload(msg.Payload)
	if err != nil {
		return nil, err
	}
	j := &job{Steps: s, delivery: delivery, lease: delivery.Lease(), id: id}
	j.leaseCtx = j.watch(msg.Context())
	j.meta = domain.Metadata{
		Actor:         "worker",
		Node:          s.conf.Node,
		Attempt:       j.lease.Attempt,
		CorrelationID: msg.Metadata[work.MetadataCorrelation],
		TraceParent:   msg.Metadata[work.MetadataTraceParent],
		CausationID:   msg.UUID,
	}
	return j, nil
}

// handle calls do. If a rule forbids what do wants and the order came from memory, handle reads the order
// from the database and calls do once more: after a restore of a backup, memory can be ahead.
func (j *job) handle(do func(*job) error) error {
	err := do(j)
	if !errors.Is(err, domain.ErrRule) || j.fresh {
		return err
	}
	if err := j.refresh(); err != nil {
		return err
	}
	return do(j)
}

// sayAgain is the time between log lines about events that are newer than this program, since every message
// may have a reason for one.
const sayAgain = time.Minute

// release gives the message back to newer nodes, since its order has events that this program does not
// understand. No interruption is counted.
func (j *job) release(why error) error {
	if now := time.Now().UnixNano(); now-j.said.Load() > int64(sayAgain) {
		j.said.Store(now)
		j.conf.Logger.WithError(why).WithField("order_id", j.id.String()).
			Warn("an order has events that this program does not understand; its messages are left to newer nodes")
	}
	_, err := j.appendUnderLease(work.Unit{OrderID: j.id, Settle: work.SettleRelease})
	if err == nil || errors.Is(err, domain.ErrFenced) {
		return nil
	}
	return fmt.Errorf("give back message %s: %w", j.meta.CausationID, err)
}
