package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"orderflow/schema"
)

// history is what nodes counted in the last 15 minutes and in the last day. The minutes are read at most every
// minutesEvery, and added up over a day at most every dayEvery, whoever asks and however often.
type history struct {
	db *schema.DB

	mu     sync.Mutex
	update *update // the last one; nil before the first

	// What follows is the one's that updates.
	ledger ledger
	added  time.Time // when a day was added up
	sums   sums
}

// update is one look at the minutes. What it found is set before done is closed.
type update struct {
	begun time.Time
	done  chan struct{}
	sums  sums
	err   error
}

// updateTimeout bounds one look at the minutes. The first one reads a day of them: of 16 busy nodes in about two seconds.
const updateTimeout = time.Minute

// countedAfter is how long it takes until a node has stored all that it counted: it stores each minute at its end.
const countedAfter = time.Minute

// sums are what was added up, and up to when all is counted, by the database's clock.
type sums struct {
	quarter, day     *Sum
	quarterAt, dayAt time.Time
	odd              int // rows that could not be understood
}

// read gives the sums. now is the database's clock. It waits until ctx ends; what it waits for goes on.
func (h *history) read(ctx context.Context, now time.Time) (sums, error) {
	u := h.current(now)
	select {
	case <-u.done:
		return u.sums, u.err
	case <-ctx.Done():
		return sums{}, fmt.Errorf("it is being read: %w", context.Cause(ctx))
	}
}

func (h *history) current(now time.Time) *update {
	h.mu.Lock()
	defer h.mu.Unlock()
	if u := h.update; u != nil {
		select {
		case <-u.done:
			if u.err == nil && time.Since(u.begun) < minutesEvery || time.Since(u.begun) < atMostEvery {
				return u
			}
		default:
			return u
		}
	}
	h.update = &update{begun: time.Now(), done: make(chan struct{})}
	go h.run(h.update, now)
	return h.update
}

// run is for one goroutine at a time.
func (h *history) run(u *update, now time.Time) {
	defer close(u.done)
	ctx, cancel := context.WithTimeout(context.Background(), updateTimeout)
	defer cancel()
	odd, err := h.ledger.update(ctx, h.db)
	if err != nil {
		u.err = err
		return
	}
	h.sums.quarter, h.sums.quarterAt, h.sums.odd = h.ledger.last(quarter, now), now.Add(-countedAfter), odd
	if h.added.IsZero() || time.Since(h.added) >= dayEvery {
		h.added, h.sums.day, h.sums.dayAt = time.Now(), h.ledger.last(day, now), now.Add(-countedAfter)
	}
	u.sums = h.sums
}
