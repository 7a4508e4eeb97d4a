package messaging

import (
	"slices"
	"sync"
)

// Bell wakes the subscribers of a process when the process has published messages, so that they need not wait
// for their next poll. The zero value is ready for use.
type Bell struct {
	mu   sync.Mutex
	wake map[chan struct{}]func(topic string) bool
}

// Ring wakes the subscribers of the topics. It never blocks.
func (b *Bell) Ring(topics ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ch, wants := range b.wake {
		if slices.ContainsFunc(topics, wants) {
			nudge(ch)
		}
	}
}

// listen has ch nudged after the publication of each topic to which wants says yes, until stop is called.
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
