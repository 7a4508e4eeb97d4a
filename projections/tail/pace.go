package tail

import (
	"math/rand/v2"
	"time"
)

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
	// restful is how many times as long as a round that applied events took a projector
	// rests, within the bounds of its lingers: it keeps the writer busy for a tenth of the
	// time at most, and the busier the system is, the more events share a row.
	restful = 9
	// yield is how many of the longest lingers a projector pauses that found another at
	// work, which then comes by again in the meantime.
	yield = 2
)

// Seen is what one round came upon.
type Seen struct {
	Applied int  // events
	Others  bool // another projector has moved a checkpoint
}

// pace says how long a projector pauses between its rounds.
type pace struct {
	linger, most, poll time.Duration
	failures           int           // in a row
	idle               time.Duration // the last idle pause
}

// pause is what lies between two rounds.
type pause struct {
	longest time.Duration // until the next round, if nobody wakes the projector
	linger  time.Duration // from a wake until the next round
	deaf    bool          // it is not woken
}

// next is the pause after a round that took so long. After a failure the pauses double up
// to 2 s, with jitter. If another projector is at work, it leaves the field to it for a
// while. Else it waits to be woken, lingers, since an order that has just begun may end
// in a moment, and by itself looks after pauses that double up to the poll.
func (p *pace) next(s Seen, took time.Duration, err error) pause {
	if err != nil {
		p.failures = min(p.failures+1, 16)
		p.idle = 0
		return pause{longest: jitter(min(firstRetry<<(p.failures-1), lastRetry)), deaf: true}
	}
	p.failures = 0
	if s.Others {
		p.idle = 0
		return pause{longest: jitter(yield * p.most), deaf: true}
	}
	linger := p.linger
	if s.Applied > 0 {
		linger = max(linger, min(restful*took, p.most))
		p.idle = 0
	}
	p.idle = min(max(2*p.idle, linger), p.poll)
	return pause{longest: p.idle, linger: linger}
}

// jitter is d or up to half less.
func jitter(d time.Duration) time.Duration {
	return d - rand.N(d/2+1)
}
