package eventstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// pending is an append on its way. Its results are set before done is closed.
type pending struct {
	work.Unit
	partition int
	recorded  []domain.Recorded // position, time and hash are those of the latest try
	bytes     int               // of what is stored of its events
	keys      []reservation     // without time
	also      func(context.Context, *schema.Tx) error

	done  chan struct{}
	begun bool // a transaction has taken it up; under the lane's lock
	gone  bool // its caller withdrew it before that; under the lane's lock
	apart bool // it is committed alone, after its group
	// err is the verdict of the latest try. An append that has one is left out: nothing of it is
	// assigned or written in that try. Each try begins without verdicts.
	err   error
	doubt *doubt // nil if no try of it is in doubt
}

// leased says whether the append settles a lease.
func (p *pending) leased() bool { return !p.Lease.IsZero() }

// passes says whether the append passes its lease on.
func (p *pending) passes() bool { return p.Settle == work.SettlePass }

// lane is the queue of one partition: at most one of its groups is being committed.
type lane struct {
	mu    sync.Mutex
	queue []*pending
	busy  bool
	args  []any // of the rows of events; used again by each group
	// doubts is how many groups must find the head where this process had left it before it is trusted to be
	// there: soon after an append of this process, when others have come in between less often, and later. It
	// and what follows are used by the lane's goroutine only.
	doubts   [2]int
	late     int       // 1 if the group under way began later, else 0
	appended time.Time // when this process appended last
}

// soon is how long after an append the next one comes soon after it.
const soon = 200 * time.Millisecond

// trust is what the next group believes. A process that seems to be alone in appending to the partition
// believes that the head is where it left it: to be right saves a round trip, to be wrong costs three.
func (l *lane) trust() trust {
	l.late = 0
	if time.Since(l.appended) > soon {
		l.late = 1
	}
	if l.doubts[l.late] > 0 {
		return inEnds
	}
	return inAll
}

// found notes where a group found the head.
func (l *lane) found(h head) {
	switch doubts := &l.doubts[l.late]; {
	case h.asRemembered():
		*doubts = max(*doubts-1, 0)
	case h.believed || h.taken > 0 && h.mark.position > 0:
		*doubts = 4
	}
}

// enter queues p. The answer is whether no goroutine works for the lane: then the caller starts one.
func (l *lane) enter(p *pending) (rests bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, p)
	rests, l.busy = !l.busy, true
	return rests
}

// wanted says whether appends wait. If none does, the lane's goroutine ends.
func (l *lane) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = len(l.queue) > 0
	return l.busy
}

// fill adds waiting appends to the group, until it has most appends or mostBytes of events. An
// append with more bytes than that forms a group of its own.
func (l *lane) fill(group []*pending, most, mostBytes int) []*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range group {
		mostBytes -= p.bytes
	}
	n := 0
	for n < len(l.queue) && len(group)+n < most {
		if mostBytes -= l.queue[n].bytes; mostBytes < 0 && len(group)+n > 0 {
			break
		}
		n++
	}
	if n == 0 {
		return group
	}
	group = append(group, l.queue[:n]...)
	l.queue = append([]*pending(nil), l.queue[n:]...)
	return group
}

// withdraw takes p back, and says whether it could: not if a transaction has taken p up. A group
// whose transaction has not begun leaves p out.
func (l *lane) withdraw(p *pending) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.queue, p); i >= 0 {
		l.queue = slices.Delete(l.queue, i, i+1)
		return true
	}
	p.gone = !p.begun
	return p.gone
}

// begin gives the appends of a group that its transaction takes up, once that has begun. It leaves
// out appends that were withdrawn, and appends whose apart is not the one given.
func (l *lane) begin(group []*pending, apart bool) []*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := func(p *pending) bool { return p.gone || p.apart != apart }
	if slices.ContainsFunc(group, left) {
		group = slices.DeleteFunc(slices.Clone(group), left)
	}
	for _, p := range group {
		p.begun = true
	}
	return group
}

// end sets the error of p, if there is one, and wakes the caller that waits for p.
func (l *lane) end(p *pending, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && !p.gone {
		p.err = err
	}
	close(p.done)
}

// length is how many appends wait.
func (l *lane) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}
