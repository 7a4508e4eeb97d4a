package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Store keeps the events of orders.
type Store interface {
	Loader
	Appender
	// LoadAt is Load for a caller who knows the position of an event of the order. It may give
	// what is remembered of the order up to that event, or further, and not what is stored.
	LoadAt(ctx context.Context, id domain.OrderID, position int64) ([]domain.Recorded, error)
}

// Loader reads orders.
type Loader interface {
	// Load gives all events of an order in order of version; domain.ErrNotFound if there
	// are none.
	Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error)
}

// Appender commits units of work.
type Appender interface {
	// Append commits a unit of work whole and gives its events as they were recorded. A
	// unit without events settles its lease only. Errors: domain.ErrConflict, when the
	// stream has moved on; domain.ErrFenced, when the lease is no longer held;
	// domain.ErrUnavailable, after which the unit may have been stored or not.
	Append(ctx context.Context, u work.Unit) (work.Outcome, error)
}

// StepsConfig is how the work of orders is handled. Zero numbers take their defaults.
type StepsConfig struct {
	Store    Store    // required
	Executor Executor // required
	// Node is the name under which the work is recorded. Required.
	Node string
	// MaxInterruptions is how many attempts of one message may end without an outcome before
	// its order is parked. 3 by default.
	MaxInterruptions int
	// StepTimeout bounds the work of one step, and the compensation of one. 60 s by default.
	StepTimeout time.Duration
	// Held says whether a lease may still be relied on, by the clock and not by a timer. It
	// is asked whenever an executor looks at its context. Optional.
	Held func(work.Lease) bool
	// Logger hears of what was interrupted, parked and dropped. Silent if nil.
	Logger *logrus.Entry
}

// Steps handles the messages that ask for work on an order. Each message must carry its
// delivery (work.WithDelivery) in a context that ends with the lease.
type Steps struct {
	conf        StepsConfig
	stopped     context.Context // ends with Stop
	stop        context.CancelFunc
	interrupted atomic.Int64
	said        atomic.Int64 // when release last said that an order is newer than this program, Unix nanoseconds
}

// NewSteps checks c; what is missing or negative is of kind domain.ErrInvalid.
func NewSteps(c StepsConfig) (*Steps, error) {
	if c.MaxInterruptions == 0 {
		c.MaxInterruptions = 3
	}
	if c.StepTimeout == 0 {
		c.StepTimeout = time.Minute
	}
	switch {
	case c.Store == nil || c.Executor == nil:
		return nil, fmt.Errorf("%w: step handlers need a store and an executor", domain.ErrInvalid)
	case c.Node == "":
		return nil, fmt.Errorf("%w: step handlers need the name of their node", domain.ErrInvalid)
	case c.MaxInterruptions < 0 || c.StepTimeout < 0:
		return nil, fmt.Errorf("%w: step handlers: neither interruptions (%d) nor the step time-out (%s) may be negative",
			domain.ErrInvalid, c.MaxInterruptions, c.StepTimeout)
	}
	c.Logger = orSilent(c.Logger)
	s := &Steps{conf: c}
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Stop ends the time of all work, now and from now on. The attempts concerned are recorded as
// interrupted and their messages handed back, which is not counted against them.
func (s *Steps) Stop() { s.stop() }

// Interrupted is how many attempts this process has recorded as interrupted, its own and
// those of other nodes whose orders it took up.
func (s *Steps) Interrupted() int64 { return s.interrupted.Load() }

// Handler is the handler of one of work.Topics; nil for any other topic.
func (s *Steps) Handler(topic string) message.NoPublishHandlerFunc {
	if topic == work.TopicRollback {
		return s.handle((*job).rollBack)
	}
	steps := domain.Steps()
	i := slices.IndexFunc(steps, func(step domain.Step) bool { return work.StepTopic(step) == topic })
	if i < 0 {
		return nil
	}
	return s.handle(func(j *job) error { return j.runStep(steps[i]) })
}

// handle makes a message handler of what is to be done with an order. The handler
// returns nil when the message has been dealt with, also by dropping it.
func (s *Steps) handle(do func(*job) error) message.NoPublishHandlerFunc {
	return func(msg *message.Message) error {
		j, err := s.take(msg)
		switch {
		case errors.Is(err, domain.ErrNewer):
			return s.release(msg.Context(), msg, err)
		case err != nil:
			return fmt.Errorf("message %s: %w", msg.UUID, err)
		}
		err = j.handle(do)
		switch {
		case err == nil:
			return nil
		case j.held.Err() != nil:
			// Someone else has the order, or will have it. The router doesn't log canceled work.
			return fmt.Errorf("order %s, attempt %d: %w: %w", j.id, j.lease.Attempt, j.held.Err(), context.Cause(j.held))
		case errors.Is(err, domain.ErrRule) && j.read, errors.Is(err, domain.ErrFenced):
			j.log().WithError(err).Info("dropped a message that is out of date")
			return nil
		case errors.Is(err, domain.ErrNewer):
			return s.release(j.held, msg, err)
		}
		return fmt.Errorf("order %s, attempt %d: %w", j.id, j.lease.Attempt, err)
	}
}

// take reads a message and loads its order.
func (s *Steps) take(msg *message.Message) (*job, error) {
	ctx := msg.Context()
	delivery := work.DeliveryFrom(ctx)
	if delivery == nil {
		return nil, errors.New("it was delivered without a lease")
	}
	lease := delivery.Lease()
	id, err := work.DecodePayload(msg.Payload)
	if err != nil {
		return nil, err
	}
	j := &job{Steps: s, delivery: delivery, lease: lease, id: id}
	j.held = j.watch(ctx)
	j.meta = domain.Metadata{
		Actor:         "worker",
		Node:          s.conf.Node,
		Attempt:       lease.Attempt,
		CorrelationID: msg.Metadata[work.MetadataCorrelation],
		TraceParent:   msg.Metadata[work.MetadataTraceParent],
		CausationID:   msg.UUID,
	}
	if err := j.begin(); err != nil {
		return nil, err
	}
	return j, nil
}

// handle does what is to be done with the order. What this node remembers of it may be ahead of the
// database, where a backup was restored. So a rule that forbids what is to be done is final only for
// the order as it is stored, before anything was done: otherwise the order is read, and handled once
// more.
func (j *job) handle(do func(*job) error) error {
	err := do(j)
	if !errors.Is(err, domain.ErrRule) || j.read {
		return err
	}
	j.read = true
	if err := j.load(); err != nil {
		return err
	}
	return do(j)
}

// begin finds out how the order is.
func (j *job) begin() error {
	// What was appended elsewhere since the lease was passed on shows when the job appends.
	if j.order = j.delivery.Order(); j.order != nil && j.order.ID == j.id {
		return nil
	}
	// Of a message that was delivered before, more may have been recorded elsewhere than this
	// node knows, and what it knows may forbid the next attempt for ever.
	if j.lease.Attempt > 1 {
		j.read = true
		return j.load()
	}
	ctx, cancel := context.WithTimeout(j.held, loadTimeout)
	defer cancel()
	err := j.fold(j.conf.Store.LoadAt(ctx, j.id, j.lease.Position))
	if errors.Is(err, domain.ErrCorrupt) {
		j.read = true
		return j.load()
	}
	return err
}

// orSilent is e, or a logger that drops everything.
func orSilent(e *logrus.Entry) *logrus.Entry {
	if e != nil {
		return e
	}
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	return logrus.NewEntry(silent)
}
