package handlers

import (
	"context"
	"sync"
	"time"

	"orderflow/domain"
)

// safely is how long a tenure may be relied on after the start of a renewal: four fifths of the
// lease's time. The last fifth is for the work to stop in.
func safely(ttl time.Duration) time.Duration { return ttl - ttl/5 }

// tenure is one registration of the node. Unless it is extended, a timer ends it, whatever hangs.
type tenure struct {
	epoch int64
	ctx   context.Context
	end   context.CancelCauseFunc

	mu    sync.Mutex
	until time.Time // by the monotonic clock
	timer *time.Timer
}

// newTenure begins a tenure. renewed is when the call that registered it began, which is
// never later than the moment from which the database counts the lease.
func newTenure(epoch int64, renewed time.Time, ttl time.Duration) *tenure {
	t := &tenure{epoch: epoch, until: renewed.Add(safely(ttl))}
	t.ctx, t.end = context.WithCancelCause(context.Background())
	t.timer = time.AfterFunc(time.Until(t.until), t.fence)
	return t
}

// extend moves the end, never to an earlier time: the answers to two renewals may come
// in either order. A tenure that has ended stays ended.
func (t *tenure) extend(renewed time.Time, ttl time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if until := renewed.Add(safely(ttl)); until.After(t.until) {
		t.until = until
		t.timer.Reset(time.Until(t.until))
	}
}

// fence ends the tenure now.
func (t *tenure) fence() {
	t.end(domain.ErrFenced)
	t.timer.Stop()
}

// held says whether the tenure may be relied on. It compares the clock: after a pause of the process
// the timer can be late.
func (t *tenure) held() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ctx.Err() == nil && time.Now().Before(t.until)
}
