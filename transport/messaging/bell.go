package messaging

import "sync"

// Bell wakes the subscribers of this process when messages have been published in it,
// so that they need not wait for their next poll. The zero value is ready.
type Bell struct {
	mu   sync.Mutex
	wake map[chan struct{}]func(topic string) bool
}

// Ring wakes those who listen to one of the topics. It never blocks.
func (b *Bell) Ring(topics ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ch, wants := range b.wake {
		for _, t := range topics {
			if wants(t) {
				nudge(ch)
				break
			}
		}
	}
}

// listen has ch nudged when wants says yes to a topic that was published.
func (b *Bell) listen(ch chan struct{}, wants func(string) bool) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wake == nil {
		b.wake = map[chan struct{}]func(string) bool{}
	}
	b.wake[ch] = wants
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.wake, ch)
	}
}

// nudge makes a channel with room for one readable.
func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
