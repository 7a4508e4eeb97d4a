package tail

import (
	"math/rand/v2"
	"time"
)

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
	// restful is how many times the length of a round a projector rests after the round, within
	// the bounds of its lingers. So it uses the writer for a tenth of the time at most, and the
	// busier the system is, the more events share a row.
	restful = 9
	// yield is how many times MaxLinger a projector leaves a partition to another one that has just moved
	// its checkpoint, or is just about to.
	yield = 2
)

// Seen is the result of one round.
type Seen struct {
	Applied int           // events
	Others  bool          // events that this process appended, or that were tried, were left to another projector
	found   bool          // among those applied are some that another process appended
	due     time.Duration // until the first of those left is due; 0 if none was
}

// leave notes that a partition was left for a time.
func (s *Seen) leave(wait time.Duration, own bool) {
	s.Others = s.Others || own
	if s.due == 0 || wait < s.due {
		s.due = wait
	}
}

// pace says how long a projector pauses between its rounds.
type pace struct {
	linger, most, poll time.Duration
	failures           int           // in a row
	idle               time.Duration // the last idle pause
}

// pause is the time between two rounds.
type pause struct {
	longest time.Duration // until the next round, if nobody wakes the projector
	linger  time.Duration // from a wake until the next round
	deaf    bool          // a wake is ignored
}

// next is the pause after a round that took so long. After a failure the pauses double up to 2 s, with
// jitter. Otherwise the projector waits for a wake and then lingers, since an order that has just begun may end
// in a moment. Without a wake the pauses double up to the poll, from a linger after a round that found what
// another process had appended, and end when something that was left is due.
func (p *pace) next(s Seen, took time.Duration, err error) pause {
	if err != nil {
		p.failures = min(p.failures+1, 16)
		p.idle = 0
		return pause{longest: jitter(min(firstRetry<<(p.failures-1), lastRetry)), deaf: true}
	}
	p.failures = 0
	linger := p.linger
	if s.Applied > 0 {
		linger = max(linger, min(restful*took, p.most))
	}
	if s.Others {
		linger = p.most
	}
	if s.found {
		p.idle = 0
	}
	p.idle = min(max(2*p.idle, linger), p.poll)
	longest := p.idle
	if s.due > 0 {
		longest = min(longest, max(s.due, linger))
	}
	return pause{longest: longest, linger: linger}
}

// jitter is d or up to half less.
func jitter(d time.Duration) time.Duration {
	return d - rand.N(d/2+1)
}
