package httpapi

import (
	"io"
	"net/http"
	"sync"
)

const (
	// defaultInHand is how many bytes of bodies, and of answers, a handler holds at once.
	defaultInHand = 64 << 20
	// smallBody is the size up to which bodies may take the last eighth of a budget, so that
	// large ones that come slowly do not keep everybody else out.
	smallBody = 64 << 10
)

// budget bounds the bytes that requests hold at once. What is taken must be given back.
type budget struct {
	most int64

	mu   sync.Mutex
	held int64
}

// grow makes n bytes of the bytes that a request has, or changes nothing and says no. A request that
// may have more than smallBody bytes in the end, which is most, leaves the last eighth to others. A
// single request may take the whole budget.
func (b *budget) grow(has, n, most int64) bool {
	room := b.most
	if most > smallBody {
		room -= room / 8
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if others := b.held - has; others > 0 && others+n > room {
		return false
	}
	b.held += n - has
	return true
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
}

// hold is what one request has of a budget.
type hold struct {
	of   *budget
	most int64 // what it may have in the end
	n    int64
}

// grow makes it n bytes, or leaves it as it is.
func (h *hold) grow(n int64) bool {
	if !h.of.grow(h.n, n, h.most) {
		return false
	}
	h.n = n
	return true
}

func (h *hold) release() {
	h.of.give(h.n)
	h.n = 0
}

// overloaded refuses a request for which the budget has no room.
func overloaded() error {
	return problemOverloaded.because("this node has as much in hand as its memory allows; nothing was done, and the request may be repeated", nil)
}

// turnAway refuses a request whose body has not been read, or not to its end. A client that sends
// the body without waiting to be asked for it (Expect: 100-continue) could not read the answer
// before it has sent everything: so the rest is read.
func turnAway(r *http.Request, begun bool) error {
	if begun || r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, r.Body, MaxBody) // one that cannot be read gets the answer sooner
	}
	return overloaded()
}
