package tail

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// looks is a log without partitions that notes when it is looked at.
type looks struct {
	Log
	at  []time.Time
	err error
}

func (l *looks) Partitions() int { return 0 }

// projector makes one that looks at it.
func (l *looks) projector(conf Config) *Projector {
	p := NewProjector(nil, l, conf)
	p.look = func(context.Context) ([]place, error) {
		l.at = append(l.at, time.Now())
		return nil, l.err
	}
	return p
}

func TestProjector_Run_idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looks{}
		p := l.projector(Config{})
		runFor(t, p, time.Minute)
		if n := len(l.at); n < 60 || n > 67 {
			t.Errorf("it looked %d times in an idle minute, want about 60", n)
		}
	})
}

// TestProjector_Run_lingers: a wake is followed by one look, a linger later, however often
// it was woken meanwhile.
func TestProjector_Run_lingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looks{}
		p := l.projector(Config{})
		ctx, stop := context.WithCancel(t.Context())
		go func() { _ = p.Run(ctx) }()
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		before, woken := len(l.at), time.Now()
		for range 10 { // an order's life
			p.Wake(0, 0)
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		if len(l.at) != before+1 {
			t.Fatalf("ten wakes in 10 ms led to %d looks, want one", len(l.at)-before)
		}
		if linger := l.at[before].Sub(woken); linger != p.conf.Linger {
			t.Errorf("it looked %v after the wake, want %v", linger, p.conf.Linger)
		}
		stop()
		synctest.Wait()
	})
}

func TestProjector_Run_errors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looks{err: errors.New("no database")}
		var told int
		var p *Projector
		p = l.projector(Config{OnError: func(err error) {
			told++
			if !errors.Is(err, l.err) {
				t.Errorf("told %v", err)
			}
			p.Wake(0, 0) // events go on being appended; that must not hurry it
		}})
		runFor(t, p, time.Minute)
		if n := len(l.at); n < 30 || n > 65 {
			t.Errorf("it tried %d times in a minute, want 30 to 65", n)
		}
		if told != len(l.at) {
			t.Errorf("%d of %d errors were told", told, len(l.at))
		}
		for i := 1; i < len(l.at); i++ {
			pause, most := l.at[i].Sub(l.at[i-1]), min(firstRetry<<min(i-1, 16), lastRetry)
			if pause < most/2 || pause > most {
				t.Errorf("pause %d is %v, want %v to %v", i, pause, most/2, most)
			}
		}
	})
}

func runFor(t *testing.T, p *Projector, d time.Duration) {
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	if err := p.Run(ctx); err != nil {
		t.Errorf("it ended with %v, want nil", err)
	}
}

func TestPace_next(t *testing.T) {
	const linger, most, poll = 50 * time.Millisecond, 200 * time.Millisecond, time.Second
	p := pace{linger: linger, most: most, poll: poll}
	for _, c := range []struct{ took, want time.Duration }{
		{time.Millisecond, linger},
		{10 * time.Millisecond, restful * 10 * time.Millisecond},
		{time.Minute, most},
	} {
		if got, want := p.next(Seen{Applied: 1, found: true}, c.took, nil), (pause{longest: c.want, linger: c.want}); got != want {
			t.Errorf("after work of %v: %+v, want %+v", c.took, got, want)
		}
	}
	if got := p.next(Seen{}, time.Minute, nil).linger; got != linger {
		t.Errorf("after a round without work: a linger of %v, want %v", got, linger)
	}
	if got := p.next(Seen{Applied: 1, Others: true, due: 300 * time.Millisecond}, 0, nil); got.linger != most || got.longest > 300*time.Millisecond {
		t.Errorf("with another projector at work: %+v; want to linger for 200 ms, and 300 ms at most", got)
	}
	p.idle = poll
	if got := p.next(Seen{Applied: 1}, 0, nil); got.longest != poll || got.linger != linger {
		t.Errorf("after work of which it was told: %+v, want to wait to be told of more", got)
	}
	p.idle = 0
	var last time.Duration
	for range 10 {
		got := p.next(Seen{}, 0, nil)
		if got.longest < last || got.longest < linger || got.longest > poll || got.deaf {
			t.Errorf("idle: %+v after %v", got, last)
		}
		last = got.longest
	}
	if last != poll {
		t.Errorf("idle for long: %v, want %v", last, poll)
	}
}
