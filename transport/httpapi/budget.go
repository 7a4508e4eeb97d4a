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
func (b *budget) take(n int64) bool {
	most := b.most
	if n > smallBody {
		most -= most / 8
	}
	for {
		held := b.held.Load()
		if held > 0 && held+n > most {
			return false
		}
		if b.held.CompareAndSwap(held, held+n) {
			return true
		}
	}
}

func (b *budget) give(n int64) { b.held.Add(-n) }

// overloaded refuses a request for which the budget has no room.
func overloaded() error {
	return &RequestError{
		Problem: problemOverloaded,
		Detail:  "this node has as much in hand as its memory allows; nothing was done, and the request may be repeated",
		header:  retrySoon,
	}
}

// turnAway refuses a request whose body has not been read. Who sends it all the same, without
// asking first (Expect: 100-continue), is read to the end and can read the answer.
func turnAway(r *http.Request) error {
	if r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, r.Body, MaxBody) // one that cannot be read gets the answer sooner
	}
	return overloaded()
}
