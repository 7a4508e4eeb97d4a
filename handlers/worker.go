package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
)

// Subscriber delivers messages under leases, several at once.
type Subscriber interface {
	message.Subscriber
	// Drain stops deliveries, gives back what has not been delivered, and waits until every
	// delivered message has been dealt with, or ctx ends.
	Drain(ctx context.Context) error
}

// WorkerConfig is what a worker is made of. Zero durations take their defaults.
type WorkerConfig struct {
	Node        *Node       // required
	Subscriber  Subscriber  // required
	Steps       *Steps      // required: they handle the messages
	DeadLetters DeadLetters // required
	// DrainTimeout is how long running steps may take to finish once the worker is to stop.
	// 30 s by default.
	DrainTimeout time.Duration
	// CloseTimeout is how long closing the router waits for handlers whose contexts have
	// been canceled, and for the subscriber. 20 s by default.
	CloseTimeout time.Duration
	// Logger hears of steps that had to be cut short. Silent if nil.
	Logger *logrus.Entry
	// RouterLogger is Watermill's, and hears of errors that handlers return. Silent if nil.
	RouterLogger watermill.LoggerAdapter

	recordTime time.Duration // how long to wait until that is recorded; 3 s, but for tests
}

func (c WorkerConfig) withDefaults() WorkerConfig {
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 30*time.Second)
	c.CloseTimeout = cmp.Or(c.CloseTimeout, 20*time.Second)
	c.recordTime = cmp.Or(c.recordTime, 3*time.Second)
	c.Logger = orSilent(c.Logger)
	if c.RouterLogger == nil {
		c.RouterLogger = watermill.NopLogger{}
	}
	return c
}

// Worker runs a node, and a router that works in its name.
type Worker struct {
	conf   WorkerConfig
	router *message.Router
}

// NewWorker checks c; what is missing or negative is of kind domain.ErrInvalid.
func NewWorker(c WorkerConfig) (*Worker, error) {
	c = c.withDefaults()
	switch {
	case c.Node == nil || c.Subscriber == nil || c.Steps == nil || c.DeadLetters == nil:
		return nil, fmt.Errorf("%w: a worker needs a node, a subscriber, step handlers and dead letters", domain.ErrInvalid)
	case c.DrainTimeout < 0:
		return nil, fmt.Errorf("%w: the drain time-out (%s) must not be negative", domain.ErrInvalid, c.DrainTimeout)
	}
	router, err := newRouter(c)
	return &Worker{conf: c, router: router}, err
}

// newRouter makes a router with one handler for each of work.Topics. From the outside in, a message
// passes: names for errors, recovery from panics, correlation id, dead letters.
func newRouter(c WorkerConfig) (*message.Router, error) {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: c.CloseTimeout}, c.RouterLogger)
	if err != nil {
		return nil, fmt.Errorf("router: %w", err)
	}
	router.AddMiddleware(identify, middleware.Recoverer, correlate)
	for _, topic := range work.Topics() {
		handler := router.AddConsumerHandler(topic, topic, c.Subscriber, c.Steps.Handler(topic))
		handler.AddMiddleware(poison(c.DeadLetters, c.RouterLogger))
	}
	return router, nil
}

// errRouterStopped is the end of a router that nobody closed.
var errRouterStopped = errors.New("the router stopped by itself")

// Run works until ctx ends. It is an error if the router or the node stops by itself. Then the worker
// drains, in this order: the node tells the cluster; the subscriber takes no more work; the steps
// under way finish, for DrainTimeout at most; those that still run are cut short, recorded as
// interrupted and handed back; the router is closed; the node is released. If a handler runs on even
// then, the node is not released, which is an error: its leases keep others away until they expire.
func (w *Worker) Run(ctx context.Context) error {
	// What runs here must outlive ctx, since draining needs it.
	alive := context.WithoutCancel(ctx)
	nodeCtx, stopNode := context.WithCancelCause(alive)
	node := start(func() error { return w.conf.Node.Run(nodeCtx) })
	router := start(func() error { return w.router.Run(alive) })
	byItself := false
	select {
	case <-ctx.Done():
	case <-router.done:
		byItself = ctx.Err() == nil
	case <-node.done: // its name is another's
	}
	w.conf.Node.Drain()
	crashpoint.Here("drain.begin")
	err := w.stop(alive, router)
	if err == nil && byItself {
		err = errRouterStopped
	}
	crashpoint.Here("drain.done")
	stopNode(err)
	<-node.done
	return errors.Join(err, node.err)
}

// stop lets the steps under way finish and closes the router. It gives the router's
// error, and errWorkLeft if handlers still run.
func (w *Worker) stop(alive context.Context, router *part) error {
	ctx, cancel := context.WithTimeout(alive, w.conf.DrainTimeout)
	defer cancel()
	drained := w.conf.Subscriber.Drain(ctx) // first, since it ends the waiting of a router that is still subscribing
	if !w.closable(ctx, router) {
		return fmt.Errorf("the router was still starting after %s: %w", w.conf.DrainTimeout, errWorkLeft)
	}
	if drained != nil {
		w.conf.Logger.WithError(drained).Warn("steps did not finish in time; they are cut short and taken up again elsewhere")
		drained = w.cutShort(alive)
	}
	err := w.close(router)
	if drained != nil && err != nil {
		err = fmt.Errorf("%w: %w", errWorkLeft, err)
	}
	return err
}

// cutShort ends the time of the steps that still run, and waits until their interruptions are recorded.
// What cannot be recorded in time is recorded by the node that takes the order over.
func (w *Worker) cutShort(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.conf.recordTime)
	defer cancel()
	w.conf.Steps.Stop()
	return w.conf.Subscriber.Drain(ctx)
}

// closable waits until the router can be closed: until it runs, or has ended.
func (w *Worker) closable(ctx context.Context, router *part) bool {
	running := w.router.Running()
	select {
	case <-running:
	case <-router.done:
	case <-ctx.Done():
	}
	select {
	case <-running:
		return true
	case <-router.done:
		return true
	default:
		return false
	}
}

// close closes the router, unless it has stopped by itself, and waits for its Run. If
// there is no error, no handler runs any more.
func (w *Worker) close(router *part) error {
	var err error
	select {
	case <-router.done:
	default:
		err = w.router.Close()
		<-router.done
	}
	return errors.Join(err, router.err)
}

// part is something that runs beside the worker. err may be read once done is closed.
type part struct {
	done chan struct{}
	err  error
}

func start(run func() error) *part {
	p := &part{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = run()
	}()
	return p
}
