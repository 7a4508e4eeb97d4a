package httpapi

import (
	"io"
	"net/http"
	"sync/atomic"
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
	held atomic.Int64
}

// take takes n bytes, or none of them. A single request may take the whole budget.
func (b *budget) take(n int64) bool { return b.grow(0, n, n) }

// grow makes n bytes of the has that a request took, or leaves these. In the end it may have most
// bytes: who is large is so from its first byte.
func (b *budget) grow(has, n, most int64) bool {
	room := b.most
	if most > smallBody {
		room -= room / 8
	}
	for {
		held := b.held.Load()
		if others := held - has; others > 0 && others+n > room {
			return false
		}
		if b.held.CompareAndSwap(held, held-has+n) {
			return true
		}
	}
}

func (b *budget) give(n int64) { b.held.Add(-n) }

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
	return &RequestError{
		Problem: problemOverloaded,
		Detail:  "this node has as much in hand as its memory allows; nothing was done, and the request may be repeated",
		header:  retrySoon,
	}
}

// turnAway refuses a request whose body has not been read, or not to its end. Who sends it all the
// same, without waiting to be asked (Expect: 100-continue), is read to the end and can read the answer.
func turnAway(r *http.Request, begun bool) error {
	if begun || r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, r.Body, MaxBody) // one that cannot be read gets the answer sooner
	}
	return overloaded()
}
