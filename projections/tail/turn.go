package tail

import "time"

// turn says when a projector applies a partition that others apply too. The projector that moved the
// checkpoint last goes on, and the others leave the partition to it while it does. This spares work and
// promises nothing: two projectors that apply the same events are kept apart by the checkpoint.
type turn struct {
	mine   bool      // this projector moved the checkpoint last
	moved  time.Time // when another projector was last seen to have moved it; zero if never
	behind time.Time // when events after it were first seen; zero if there are none
	rest   time.Time // until then the partition is passed over
	vain   time.Time // when the first try was begun that another transaction was in the way of; zero for none
	told   bool      // of vain tries
}

// see notes where the partition was seen.
func (t *turn) see(now time.Time, moved, behind bool) {
	if moved {
		*t = turn{moved: now, rest: t.rest}
	}
	switch {
	case !behind:
		t.behind = time.Time{}
	case t.behind.IsZero():
		t.behind = now
	}
}

// wait is how long the projector leaves events to others. What this process has appended, own, it applies
// once nobody else has moved the checkpoint for a yield, and all else when that has lain for a poll.
func (t *turn) wait(now time.Time, own bool, yield, poll time.Duration) time.Duration {
	until := t.rest
	switch {
	case t.mine:
	case own:
		until = later(until, t.moved.Add(yield))
	default:
		until = later(until, t.behind.Add(poll))
	}
	return until.Sub(now)
}

// took notes that the projector has applied what it saw.
func (t *turn) took() { *t = turn{mine: true} }

// inTheWay notes that a try, begun at a time, was in vain since another transaction was in the way. Until a
// time the partition is passed over.
func (t *turn) inTheWay(begun, until time.Time) {
	t.mine, t.rest = false, until
	if t.vain.IsZero() {
		t.vain = begun
	}
}

// overdue says, once, for how long every try has been in vain if that is longer than most.
func (t *turn) overdue(now time.Time, most time.Duration) (time.Duration, bool) {
	if t.told || t.vain.IsZero() || now.Sub(t.vain) < most {
		return 0, false
	}
	t.told = true
	return now.Sub(t.vain), true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
