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

// budget bounds the bytes that requests hold at once.
type budget struct {
	most int64

	mu   sync.Mutex
	held int64
}

// hold is what one request has of a budget. It must be released.
type hold struct {
	of   *budget
	most int64 // what it may have in the end
	n    int64
}

// grow makes the hold n bytes, or changes nothing and says no. A hold that may have more than smallBody
// bytes in the end leaves the last eighth of the budget to others. A single hold may take the
// whole budget.
func (h *hold) grow(n int64) bool {
	room := h.of.most
	if h.most > smallBody {
		room -= room / 8
	}
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	if others := h.of.held - h.n; others > 0 && others+n > room {
		return false
	}
	h.of.held += n - h.n
	h.n = n
	return true
}

func (h *hold) release() {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	h.of.held -= h.n
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
