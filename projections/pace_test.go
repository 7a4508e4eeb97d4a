package projections

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
)

// looks is a log without partitions that notes when it is looked at.
type looks struct {
	at  []time.Time
	err error
}

func (l *looks) Partitions() int { return 0 }
func (l *looks) Heads(context.Context) ([]int64, error) {
	l.at = append(l.at, time.Now())
	return nil, l.err
}
func (l *looks) ReadLog(context.Context, int, int64, int) ([]domain.Recorded, error) { return nil, nil }
func (l *looks) Load(context.Context, domain.OrderID) ([]domain.Recorded, error)     { return nil, nil }

func TestProjector_Run_idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looks{}
		p := NewProjector(nil, l, Options{})
		runFor(t, p, time.Minute)
		if n := len(l.at); n < 60 || n > 67 {
			t.Errorf("it looked %d times in an idle minute, want about 60", n)
		}
		ctx, stop := context.WithCancel(t.Context())
		go func() { _ = p.Run(ctx) }()
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		before := len(l.at)
		p.Wake()
		synctest.Wait()
		if len(l.at) != before+1 || time.Since(l.at[before]) != 0 {
			t.Errorf("a wake led to %d looks, want one at once", len(l.at)-before)
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
		p = NewProjector(nil, l, Options{OnError: func(err error) {
			told++
			if !errors.Is(err, l.err) {
				t.Errorf("told %v", err)
			}
			p.Wake() // events go on being appended; that must not hurry it
		}})
		runFor(t, p, time.Minute)
		if n := len(l.at); n < 10 || n > 22 {
			t.Errorf("it tried %d times in a minute, want 10 to 22", n)
		}
		if told != len(l.at) {
			t.Errorf("%d of %d errors were told", told, len(l.at))
		}
		for i := 1; i < len(l.at); i++ {
			pause, most := l.at[i].Sub(l.at[i-1]), min(firstRetry<<(i-1), lastRetry)
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
	p := pace{linger: 25 * time.Millisecond, poll: time.Second}
	if d, wakeable := p.next(seen{applied: 1}, nil); d != p.linger || wakeable {
		t.Errorf("after work: %v, wakeable %v; want the linger, not wakeable", d, wakeable)
	}
	if d, wakeable := p.next(seen{applied: 1, others: true}, nil); d < 4*p.linger || d > 8*p.linger || wakeable {
		t.Errorf("with another projector at work: %v, wakeable %v; want 100 to 200 ms, not wakeable", d, wakeable)
	}
	var last time.Duration
	for range 10 {
		d, wakeable := p.next(seen{}, nil)
		if d < last || d < p.linger || d > p.poll || !wakeable {
			t.Errorf("idle: %v after %v, wakeable %v", d, last, wakeable)
		}
		last = d
	}
	if last != p.poll {
		t.Errorf("idle for long: %v, want %v", last, p.poll)
	}
}
