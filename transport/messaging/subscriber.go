package messaging

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/schema"
)

// Subscriber claims messages for free slots and hands them out in parallel. See the
// package documentation for what it promises. It is safe for concurrent use.
type Subscriber struct {
	db   *schema.DB
	conf Config
	wake chan struct{} // something to do for the loop
	stop context.CancelFunc
	life context.Context // ends when Close is called

	mu       sync.Mutex
	subs     []*subscription
	busy     int                  // slots in use
	settle   []settlement         // ended deliveries whose rows are still to be changed
	draining chan struct{}        // closed when no more may be claimed or delivered
	idle     chan struct{}        // closed when busy falls to 0 after that
	held     map[heldKey]struct{} // leases delivered or about to be settled
	started  bool
	closed   bool
	loopDone chan struct{}
	query    queries // for the topics subscribed to
	health   health

	uncertain, adopted time.Time // the loop's own; see adoptLost
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

// NewSubscriber gives a subscriber. It does nothing until Subscribe is called.
func NewSubscriber(db *schema.DB, c Config) (*Subscriber, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.Background())
	s := &Subscriber{
		db: db, conf: c, wake: make(chan struct{}, 1), life: life, stop: stop,
		idle: make(chan struct{}), draining: make(chan struct{}), loopDone: make(chan struct{}), held: map[heldKey]struct{}{},
	}
	return s, nil
}

// SubscribeInitialize makes the group's offsets of a topic, from the beginning of the
// topic. Subscribe does so too.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	if !topicName.MatchString(topic) {
		return fmt.Errorf("%w: topic %q (1 to 100 of A-Z a-z 0-9 - $ : . _)", domain.ErrInvalid, topic)
	}
	return s.initOffsets(s.life, topic)
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
	s.query = makeQueries(s.db.Dialect(), s.conf, s.topics())
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
	s.query = makeQueries(s.db.Dialect(), s.conf, s.topics())
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
	rank := func(t string) int {
		if i := slices.Index(s.conf.Topics, t); i >= 0 {
			return i
		}
		return len(s.conf.Topics)
	}
	slices.SortStableFunc(topics, func(a, b string) int { return rank(a) - rank(b) })
	return topics
}

// Busy is the number of slots in use.
func (s *Subscriber) Busy() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}

// Slots is the number of slots.
func (s *Subscriber) Slots() int { return s.conf.Slots }

// Drain stops claiming, gives back what has been claimed and not yet been delivered,
// and waits until every delivered message has been acked or nacked, or ctx ends.
func (s *Subscriber) Drain(ctx context.Context) error {
	s.startDraining()
	nudge(s.wake)
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("drain: %d messages are still being handled: %w", s.Busy(), context.Cause(ctx))
	}
}

func (s *Subscriber) startDraining() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isDraining() {
		return
	}
	close(s.draining)
	if s.busy == 0 {
		close(s.idle)
	}
}

func (s *Subscriber) isDraining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// Close ends the contexts of all messages, waits up to Config.CloseWait for their
// handlers, settles what they said and closes the channels. What a handler still works
// on stays claimed until the node's registration ends, so that nobody else starts it.
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
	if !started {
		close(s.loopDone)
	}
	<-s.loopDone
	for _, sub := range subs {
		<-sub.closed
	}
	return nil
}
