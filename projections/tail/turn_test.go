package tail

import (
	"testing"
	"time"
)

func TestTurn(t *testing.T) {
	const yield, poll = 400 * time.Millisecond, time.Second
	start := time.Now()
	at := start.Add
	wait := func(turn *turn, now time.Duration, own bool) time.Duration {
		return max(0, turn.wait(at(now), own, yield, poll))
	}
	for name, c := range map[string]struct {
		turn turn
		do   func(*turn)
		own  bool
		want time.Duration // after 100 ms
	}{
		"mine":                       {turn{mine: true}, func(u *turn) { u.see(at(0), false, true) }, false, 0},
		"another has moved it":       {turn{mine: true}, func(u *turn) { u.see(at(0), true, true) }, true, yield - 100*time.Millisecond},
		"another has, mine or not":   {turn{mine: true}, func(u *turn) { u.see(at(0), true, true) }, false, poll - 100*time.Millisecond},
		"another's, and still":       {turn{}, func(u *turn) { u.see(at(0), false, true) }, false, poll - 100*time.Millisecond},
		"another's, what I appended": {turn{}, func(u *turn) { u.see(at(0), false, true) }, true, 0},
		"behind since before":        {turn{}, func(u *turn) { u.see(at(-poll), false, true); u.see(at(0), false, true) }, false, 0},
		"was at the head in between": {turn{}, func(u *turn) { u.see(at(-poll), false, true); u.see(at(-1), false, false); u.see(at(0), false, true) }, false, poll - 100*time.Millisecond},
		"taken":                      {turn{}, func(u *turn) { u.took() }, false, 0},
		"tried in vain":              {turn{mine: true}, func(u *turn) { u.inTheWay(at(0), at(poll)) }, true, poll - 100*time.Millisecond},
	} {
		c.do(&c.turn)
		if got := wait(&c.turn, 100*time.Millisecond, c.own); got != c.want {
			t.Errorf("%s: it waits for %v, want %v", name, got, c.want)
		}
	}

	var u turn
	u.inTheWay(at(0), at(0))
	if _, tell := u.overdue(at(9), 10); tell {
		t.Error("it tells before it is time")
	}
	u.inTheWay(at(5), at(10))
	if since, tell := u.overdue(at(10), 10); !tell || since != 10 {
		t.Errorf("it tells of %v (%v), want 10 ns", since, tell)
	}
	if _, tell := u.overdue(at(20), 10); tell {
		t.Error("it tells twice")
	}
	u.see(at(30), true, true)
	u.inTheWay(at(30), at(31))
	if _, tell := u.overdue(at(32), 10); tell {
		t.Error("it tells of tries before the checkpoint was moved")
	}
}
