package messaging

import (
	"context"
	"slices"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
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

// send gives the message to the subscription. The answer is false if ctx ends or unless is closed
// first.
func (x *subscription) send(ctx context.Context, m *message.Message, unless <-chan struct{}) bool {
	if isClosed(unless) || ctx.Err() != nil {
		return false
	}
	select {
	case x.out <- m:
		return true
	case <-unless:
		return false
	case <-ctx.Done():
		return false
	}
}

// subscriptions are the subscriptions of one subscriber.
type subscriptions struct {
	mu  sync.Mutex
	all []*subscription
}

// add makes a subscription that ends with ctx.
func (s *subscriptions) add(ctx context.Context, topic string) *subscription {
	x := &subscription{topic: topic, out: make(chan *message.Message), closed: make(chan struct{})}
	x.ctx, x.cancel = context.WithCancel(ctx)
	s.mu.Lock()
	s.all = append(s.all, x)
	s.mu.Unlock()
	context.AfterFunc(x.ctx, func() { s.end(x) })
	return x
}

// end closes a subscription's channel once nothing is being sent to it.
func (s *subscriptions) end(x *subscription) {
	s.mu.Lock()
	s.all = slices.DeleteFunc(s.all, func(other *subscription) bool { return other == x })
	s.mu.Unlock()
	x.sending.Wait()
	close(x.out)
	close(x.closed)
}

// endAll ends all subscriptions, and gives them.
func (s *subscriptions) endAll() []*subscription {
	s.mu.Lock()
	all := slices.Clone(s.all)
	s.mu.Unlock()
	for _, x := range all {
		x.cancel()
	}
	return all
}

// pick picks among the subscriptions of a topic in turn, nil if there is none. The caller must call
// sending.Done of the subscription, once.
func (s *subscriptions) pick(topic string, turn int) *subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(topic)
	if len(of) == 0 {
		return nil
	}
	x := of[turn%len(of)]
	x.sending.Add(1)
	return x
}

// serves says whether there is a subscription of the topic.
func (s *subscriptions) serves(topic string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.of(topic)) > 0
}

// of are the subscriptions of a topic. s.mu is held.
func (s *subscriptions) of(topic string) (all []*subscription) {
	for _, x := range s.all {
		if x.topic == topic && x.ctx.Err() == nil {
			all = append(all, x)
		}
	}
	return all
}

// topics are the topics subscribed to, those of the lowest rank in front.
func (s *subscriptions) topics(rank func(topic string) int) (topics []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.all {
		if !slices.Contains(topics, x.topic) {
			topics = append(topics, x.topic)
		}
	}
	slices.SortStableFunc(topics, func(a, b string) int { return rank(a) - rank(b) })
	return topics
}
