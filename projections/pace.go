package projections

import (
	"math/rand/v2"
	"time"
)

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
	// yield is how many lingers a projector pauses that found another at work.
	yield = 8
)

// pace says how long a projector pauses between its passes.
type pace struct {
	linger, poll time.Duration
	failures     int           // in a row
	idle         time.Duration // the last idle pause
}

// next is the pause after a pass, and whether a wake ends it. After a failure the
// pauses double up to 10 s, with jitter. After work it lingers, without being woken; if
// another projector is at work it leaves the field to it for a while. Idle, it is
// woken at once, and looks by itself after pauses that double up to the poll.
func (p *pace) next(s seen, err error) (pause time.Duration, wakeable bool) {
	if err != nil {
		p.failures = min(p.failures+1, 16)
		p.idle = 0
		return jitter(min(firstRetry<<(p.failures-1), lastRetry)), false
	}
	p.failures = 0
	if s.others {
		p.idle = 0
		return jitter(yield * p.linger), false
	}
	if s.applied > 0 {
		p.idle = 0
		return p.linger, false
	}
	p.idle = min(max(2*p.idle, p.linger), p.poll)
	return p.idle, true
}

// jitter is d or up to half less.
func jitter(d time.Duration) time.Duration {
	return d - rand.N(d/2+1)
}
