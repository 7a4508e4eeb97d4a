package handlers

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Store keeps the events of orders.
type Store interface {
	Loader
	Appender
	// LoadAt is Load for a caller who knows the position of one event of the order. The store may
	// answer from its memory, with the events up to that one or to a later one.
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
	// Append commits a unit of work whole and gives its outcome. A unit without events settles its
	// lease only. Errors: domain.ErrConflict if the stream has moved on; domain.ErrFenced if the lease
	// is no longer held; domain.ErrUnavailable, after which the unit may have been stored or not.
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
	// Trusted says whether a lease may still be relied on, by the clock and not by a timer. It
	// is asked whenever an executor looks at its context. Optional.
	Trusted func(work.Lease) bool
	// Observe is told of events that were stored, with the order after them. It must neither block nor keep or change
	// what it gets. Optional.
	Observe Observe
	// Logger hears of what was interrupted, parked and dropped. Silent if nil.
	Logger *logrus.Entry
}

// Observe is told of events that were stored just now. order is the order after them, or nil if it is not known.
type Observe func(order *domain.Order, events []domain.Recorded)

// orNone is o, or one that hears nothing.
func (o Observe) orNone() Observe {
	if o != nil {
		return o
	}
	return func(*domain.Order, []domain.Recorded) {}
}

// Steps handles the messages that ask for work on an order. Each message must carry its
// delivery (work.WithDelivery) in a context that ends with the lease.
type Steps struct {
	conf        StepsConfig
	stopped     context.Context // ends with Stop
	stop        context.CancelFunc
	running     running
	interrupted atomic.Int64
	said        atomic.Int64 // when release last said that an order is newer than this program, Unix nanoseconds
}

// NewSteps checks c; what is missing or negative is of kind domain.ErrInvalid.
func NewSteps(c StepsConfig) (*Steps, error) {
	c.MaxInterruptions = cmp.Or(c.MaxInterruptions, 3)
	c.StepTimeout = cmp.Or(c.StepTimeout, time.Minute)
	switch {
	case c.Store == nil || c.Executor == nil:
		return nil, fmt.Errorf("%w: step handlers need a store and an executor", domain.ErrInvalid)
	case c.Node == "":
		return nil, fmt.Errorf("%w: step handlers need the name of their node", domain.ErrInvalid)
	case c.MaxInterruptions < 0 || c.StepTimeout < 0:
		return nil, fmt.Errorf("%w: step handlers: neither interruptions (%d) nor the step time-out (%s) may be negative",
			domain.ErrInvalid, c.MaxInterruptions, c.StepTimeout)
	}
	c.Logger, c.Observe = orSilent(c.Logger), c.Observe.orNone()
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

// orSilent is e, or a logger that drops everything.
func orSilent(e *logrus.Entry) *logrus.Entry {
	if e != nil {
		return e
	}
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	return logrus.NewEntry(silent)
}
