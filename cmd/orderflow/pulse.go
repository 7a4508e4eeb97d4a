package main

import (
	"fmt"
	"sync"
	"time"
)

// pulse is how a part of the node is doing that goes round and round.
type pulse struct {
	part string

	mu        sync.Mutex
	succeeded time.Time // the last round that did; the making, before the first
	err       error     // of the last round
}

func newPulse(part string) *pulse { return &pulse{part: part, succeeded: time.Now()} }

// beat notes how a round ended.
func (p *pulse) beat(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err = err; err == nil {
		p.succeeded = time.Now()
	}
}

// last is when a round last succeeded.
func (p *pulse) last() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.succeeded
}

// failing says why the last round failed, if none has succeeded for longer than grace.
func (p *pulse) failing(grace time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if since := time.Since(p.succeeded); p.err != nil && since > grace {
		return fmt.Errorf("%s has failed for %s: %w", p.part, since.Round(time.Millisecond), p.err)
	}
	return nil
}
