package handlers

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
)

// memory is a subscriber that claims from a cluster under the tenure of a node. It does
// what the handlers rely on: a bounded number of messages at once, contexts that end
// with the tenure, and draining.
type memory struct {
	*cluster
	slots  int
	tenure func() (work.Tenure, bool)
	off    atomic.Bool // cut off from the cluster: nothing can be told

	mu       sync.Mutex
	busy     int
	subs     map[string]*subscription
	draining bool
	freed    chan struct{} // closed and replaced when a slot is free again, or when draining begins
	life     context.Context
	stop     context.CancelFunc
	loop     sync.WaitGroup
	hands    sync.WaitGroup
}

type subscription struct {
	ctx     context.Context
	out     chan *message.Message
	sending sync.WaitGroup
}

var _ Subscriber = (*memory)(nil)

func newMemory(c *cluster, slots int, tenure func() (work.Tenure, bool)) *memory {
	m := &memory{cluster: c, slots: slots, tenure: tenure, subs: map[string]*subscription{}, freed: make(chan struct{})}
	m.life, m.stop = context.WithCancel(context.Background())
	m.loop.Go(m.claiming)
	return m
}

func (m *memory) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &subscription{ctx: ctx, out: make(chan *message.Message)}
	m.subs[topic] = s
	m.signal()
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		delete(m.subs, topic)
		m.mu.Unlock()
		s.sending.Wait()
		close(s.out)
	})
	return s.out, nil
}

// signal wakes those who wait for freed. m.mu is held.
func (m *memory) signal() {
	close(m.freed)
	m.freed = make(chan struct{})
}

func (m *memory) claiming() {
	for m.life.Err() == nil {
		m.cluster.mu.Lock()
		changed := m.changed
		m.cluster.mu.Unlock()
		m.mu.Lock()
		freed := m.freed
		m.mu.Unlock()
		for m.claimOne() {
		}
		poll := time.NewTimer(100 * time.Millisecond) // a node may have expired
		select {
		case <-changed:
		case <-freed:
		case <-poll.C:
		case <-m.life.Done():
		}
		poll.Stop()
	}
}

// claimOne hands one message out, if there is a slot for it.
func (m *memory) claimOne() bool {
	tenure, in := m.tenure()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !in || m.draining || m.busy == m.slots || len(m.subs) < len(work.Topics()) {
		return false
	}
	msg, lease := m.claim(tenure.Node, tenure.Epoch)
	if msg == nil {
		return false
	}
	m.busy++
	s := m.subs[lease.Topic]
	s.sending.Add(1)
	m.hands.Go(func() { m.hand(tenure, s, msg, lease) })
	return true
}

func (m *memory) hand(tenure work.Tenure, s *subscription, msg *message.Message, lease *hand) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	defer context.AfterFunc(tenure.Context, func() { cancel(domain.ErrFenced) })()
	msg.SetContext(work.WithDelivery(ctx, lease))
	err := errNacked
	select {
	case s.out <- msg:
		s.sending.Done()
		select {
		case <-msg.Acked():
			err = nil
		case <-msg.Nacked():
		}
	case <-ctx.Done():
		s.sending.Done()
	}
	if !m.off.Load() {
		m.ended(lease, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy--
	m.signal()
}

var errNacked = fmt.Errorf("nacked")

// Busy is the number of slots in use.
func (m *memory) Busy() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.busy
}

func (m *memory) Drain(ctx context.Context) error {
	for {
		m.mu.Lock()
		if !m.draining {
			m.draining = true
			m.signal()
		}
		busy, freed := m.busy, m.freed
		m.mu.Unlock()
		if busy == 0 {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return fmt.Errorf("%d messages are being handled: %w", busy, ctx.Err())
		}
	}
}

func (m *memory) Close() error {
	m.stop()
	m.loop.Wait()
	return nil
}
