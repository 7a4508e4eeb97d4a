package cluster

import (
	"context"
	"sync"
	"time"

	"orderflow/schema"
)

// history is what nodes counted in the last 15 minutes and in the last day. The minutes are read at most every
// minutesEvery, and added up over a day at most every dayEvery, whoever asks and however often.
type history struct {
	db *schema.DB

	mu     sync.Mutex
	ledger ledger
	sums   sums
	looked time.Time // when the minutes were read; zero before
	added  time.Time // when a day was added up
}

// sums are what was added up, and up to when, by the database's clock.
type sums struct {
	quarter, day     *Sum
	quarterAt, dayAt time.Time
	odd              int // rows that could not be understood
}

// read gives the sums. now is the database's clock.
func (h *history) read(ctx context.Context, now time.Time) (sums, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.looked.IsZero() && time.Since(h.looked) < minutesEvery {
		return h.sums, nil
	}
	odd, err := h.ledger.update(ctx, h.db)
	if err != nil {
		return sums{}, err
	}
	h.looked = time.Now()
	h.sums.quarter, h.sums.quarterAt, h.sums.odd = h.ledger.last(quarter, now), now, odd
	if h.added.IsZero() || time.Since(h.added) >= dayEvery {
		h.added, h.sums.day, h.sums.dayAt = time.Now(), h.ledger.last(day, now), now
	}
	return h.sums, nil
}
