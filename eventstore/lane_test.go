package eventstore

import (
	"testing"
	"time"
)

// TestLane_trust: what is met soon after an append says nothing of what is met later, and the other way round.
func TestLane_trust(t *testing.T) {
	var l lane
	next := func(after time.Duration) trust { l.appended = time.Now().Add(-after); return l.trust() }
	alone, rival := head{taken: 1, at: 2, mark: mark{position: 2}}, head{taken: 1, at: 3, mark: mark{position: 2}}
	if next(2*soon) != inAll {
		t.Error("at first a lane believes nothing")
	}
	l.found(rival)
	if next(0) != inAll || next(2*soon) != inEnds {
		t.Error("a rival that was met late is feared soon after an append, or not later")
	}
	for i := range 4 {
		if next(2*soon) != inEnds {
			t.Errorf("after %d groups that met nobody, all is believed", i)
		}
		l.found(alone)
	}
	if next(2*soon) != inAll {
		t.Error("after four groups that met nobody, all is not believed")
	}
}
