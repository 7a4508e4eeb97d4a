package messaging

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// Subscriber claims messages for free slots and hands them out in parallel. See the package documentation
// for what it promises. It is safe for concurrent use.
type Subscriber struct {
	conf     *Config
	slots    *slots
	subs     *subscriptions
	dispatch *dispatcher
	loop     *loop
	offsets  func(ctx context.Context, topic string) error // makes those of a topic
	stop     context.CancelFunc                            // ends the loop
	abandon  context.CancelFunc                            // ends its transactions

	mu      sync.Mutex
	started bool
	closed  bool
}

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
)

// NewSubscriber makes a subscriber, the only one of its group under the node's name. It does nothing until
// Subscribe is called.
func NewSubscriber(db *schema.DB, c Config) (*Subscriber, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Losses == nil {
		c.Losses = inflight.NewLosses(db, inflight.LossesConfig{})
	}
	s := &Subscriber{conf: &c, slots: newSlots(c.Slots), subs: &subscriptions{}}
	done := make(chan struct{})
	s.dispatch = &dispatcher{conf: s.conf, slots: s.slots, subs: s.subs, closed: done}
	s.loop = &loop{conf: s.conf, slots: s.slots, subs: s.subs, dispatch: s.dispatch, done: done}
	s.loop.claimer = inflight.NewClaimer(db, inflight.ClaimerConfig{
		Group: c.Group, Slots: c.Slots, Ordered: c.Ordered, AloneAfter: c.AloneAfter, AdoptEvery: c.adoptEvery,
		Losses: c.Losses, Draining: s.slots.isDraining,
	})
	s.loop.life, s.stop = context.WithCancel(context.Background())
	s.loop.work, s.abandon = context.WithCancel(context.Background())
	s.loop.came.Store(time.Now().UnixNano())
	s.offsets = func(ctx context.Context, topic string) error { return inflight.MakeOffsets(ctx, db, c.Group, topic) }
	return s, nil
}

// SubscribeInitialize makes the group's offsets of a topic. A new group begins at the oldest message that is
// kept (see package retention). While the database is away it waits for it; once the subscriber drains it
// makes none. Subscribe does so too.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	if err := inflight.ValidTopic(topic); err != nil {
		return err
	}
	if s.loop.life.Err() != nil {
		return fmt.Errorf("subscriber %w", ErrClosed)
	}
	return s.loop.makeOffsets(topic, s.offsets)
}

// Subscribe delivers the messages of a topic. The channel is closed when ctx ends or the subscriber is closed.
// Several subscriptions of one topic share its messages.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := s.SubscribeInitialize(topic); err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("subscribe to %s: subscriber %w", topic, ErrClosed)
	}
	out := s.subs.add(ctx, topic).out
	if !s.started {
		s.started = true
		go s.loop.run()
	}
	nudge(s.slots.wake)
	return out, nil
}

// Alive is how long ago the subscriber finished its last round, whatever the database answered; before the
// first round, how long ago it was made.
func (s *Subscriber) Alive() time.Duration { return time.Since(time.Unix(0, s.loop.came.Load())) }

// Busy is the number of slots in use.
func (s *Subscriber) Busy() int { return s.slots.Busy() }

// Slots is the number of slots.
func (s *Subscriber) Slots() int { return s.conf.Slots }

// Drain stops claiming and delivering. It waits until every delivered message has been acked or nacked and
// the database has heard of it, and until what was claimed and not delivered has been given back. If ctx
// ends first, or the subscriber is closed, that is an error; draining goes on until Close.
func (s *Subscriber) Drain(ctx context.Context) error {
	s.slots.startDraining()
	var err error
	select {
	case <-s.slots.drained:
		return nil
	case <-s.loop.done:
		err = fmt.Errorf("subscriber %w", ErrClosed)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if isClosed(s.slots.drained) { // at the same moment
		return nil
	}
	return fmt.Errorf("drain: %d messages are still being handled: %w", s.Busy(), err)
}

// Close ends the contexts of all messages, waits up to Config.CloseWait for their handlers, stores the
// acknowledgements and closes the channels. If a handler still works, its message stays claimed until the
// node's registration ends, so that nobody else starts it; a late ack or nack does nothing. A database that
// hangs delays Close by 10 s at most. To stop without interrupting handlers, call Drain first.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.loop.done
		return nil
	}
	s.closed = true
	started, subs := s.started, s.subs.endAll()
	s.mu.Unlock()
	s.stop()
	grace := time.AfterFunc(closeGrace, s.abandon)
	defer grace.Stop()
	if !started {
		close(s.loop.done)
	}
	<-s.loop.done
	s.abandon()
	for _, x := range subs {
		<-x.closed
	}
	return nil
}
