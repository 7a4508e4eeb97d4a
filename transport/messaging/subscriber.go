package messaging

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// Subscriber claims messages for free slots and hands them out in parallel. See the
// package documentation for what it promises. It is safe for concurrent use.
type Subscriber struct {
	db   *schema.DB
	conf Config
	wake chan struct{} // something to do for the loop
	stop context.CancelFunc
	life context.Context // ends when Close is called

	// work is the context of the loop's transactions. It outlives Close by closeGrace, since a
	// COMMIT that is cut short leaves its outcome unknown.
	work    context.Context
	abandon context.CancelFunc

	mu       sync.Mutex
	subs     []*subscription
	busy     int                       // slots in use
	settle   []settlement              // ended deliveries whose rows are still to be changed
	rounding bool                      // the loop is in the middle of a round
	draining chan struct{}             // closed when no more may be claimed or delivered
	drained  chan struct{}             // closed when nothing is left after that; see quiet
	inHand   map[*delivery]struct{}    // those that have not ended
	reserved map[*reservation]struct{} // slots for messages that are being appended; see take.go
	started  bool
	closed   bool
	loopDone chan struct{}

	waiting atomic.Int64 // rank of the first that waits for a slot; see pass.go

	round  atomic.Int64 // when the loop last came round, in Unix nanoseconds
	rounds roundState   // the loop's own
	claims *inflight.Claimer
}

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
)

// subscription is one call of Subscribe.
type subscription struct {
	topic   string
	out     chan *message.Message
	ctx     context.Context // ends with the caller's, or with the subscriber
	cancel  context.CancelFunc
	sending sync.WaitGroup // deliveries under way
	closed  chan struct{}  // closed after out
}

// NewSubscriber gives a subscriber, the only one of its group under the node's name. It
// does nothing until Subscribe is called.
func NewSubscriber(db *schema.DB, c Config) (*Subscriber, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Losses == nil {
		c.Losses = inflight.NewLosses(db, inflight.LossesConfig{})
	}
	s := &Subscriber{
		db: db, conf: c, wake: make(chan struct{}, 1), inHand: map[*delivery]struct{}{}, reserved: map[*reservation]struct{}{},
		draining: make(chan struct{}), drained: make(chan struct{}), loopDone: make(chan struct{}),
		claims: inflight.NewClaimer(db, inflight.ClaimerConfig{
			Group: c.Group, Slots: c.Slots, Ordered: c.Ordered, AloneAfter: c.AloneAfter, AdoptEvery: c.adoptAnyway, Losses: c.Losses,
		}),
	}
	s.life, s.stop = context.WithCancel(context.Background())
	s.work, s.abandon = context.WithCancel(context.Background())
	s.round.Store(time.Now().UnixNano())
	s.waiting.Store(rankNothing)
	return s, nil
}

// SubscribeInitialize makes the group's offsets of a topic. A new group begins at the
// oldest message that is kept (see package retention). While the database is away it waits for it;
// once the subscriber drains it makes none. Subscribe does so too.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	if err := inflight.ValidTopic(topic); err != nil {
		return err
	}
	if s.life.Err() != nil {
		return fmt.Errorf("subscriber %w", ErrClosed)
	}
	return s.makeOffsets(topic)
}

// Subscribe gives the messages of a topic. The channel is closed when ctx ends or the
// subscriber is closed. Several subscriptions of one topic share its messages.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := s.SubscribeInitialize(topic); err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("subscribe to %s: subscriber %w", topic, ErrClosed)
	}
	sub := &subscription{topic: topic, out: make(chan *message.Message), closed: make(chan struct{})}
	sub.ctx, sub.cancel = context.WithCancel(ctx)
	s.subs = append(s.subs, sub)
	context.AfterFunc(sub.ctx, func() { s.end(sub) })
	if !s.started {
		s.started = true
		go s.loop()
	}
	nudge(s.wake)
	return sub.out, nil
}

// end closes a subscription's channel once nothing is being sent to it.
func (s *Subscriber) end(sub *subscription) {
	s.mu.Lock()
	s.subs = slices.DeleteFunc(s.subs, func(x *subscription) bool { return x == sub })
	s.mu.Unlock()
	sub.sending.Wait()
	close(sub.out)
	close(sub.closed)
}

// topics lists the topics subscribed to, those to be served first in front.
func (s *Subscriber) topics() []string {
	var topics []string
	for _, sub := range s.subs {
		if !slices.Contains(topics, sub.topic) {
			topics = append(topics, sub.topic)
		}
	}
	slices.SortStableFunc(topics, func(a, b string) int { return s.rank(a) - s.rank(b) })
	return topics
}

// rank is a topic's place in the order in which topics are served.
func (s *Subscriber) rank(topic string) int {
	if i := slices.Index(s.conf.Topics, topic); i >= 0 {
		return i
	}
	return len(s.conf.Topics)
}

// Busy is the number of slots in use.
func (s *Subscriber) Busy() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}

// Slots is the number of slots.
func (s *Subscriber) Slots() int { return s.conf.Slots }

// closeGrace is how long Close lets the database finish a transaction under way, and
// again how long it tries to store the last acknowledgements.
const closeGrace = 5 * time.Second

// Close ends the contexts of all messages, waits up to Config.CloseWait for their
// handlers, settles what they said and closes the channels. What a handler still works
// on stays claimed until the node's registration ends, so that nobody else starts it;
// its late ack or nack does nothing. A database that hangs delays Close by 10 s at most.
// To stop without interrupting anything, call Drain first.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.loopDone
		return nil
	}
	s.closed = true
	subs, started := slices.Clone(s.subs), s.started
	for _, sub := range subs {
		sub.cancel()
	}
	s.mu.Unlock()
	s.stop()
	grace := time.AfterFunc(closeGrace, s.abandon)
	defer grace.Stop()
	if !started {
		close(s.loopDone)
	}
	<-s.loopDone
	s.abandon()
	for _, sub := range subs {
		<-sub.closed
	}
	return nil
}
