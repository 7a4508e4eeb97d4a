package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestProbe_shared: all who ask within a second share an answer; one who cannot wait is told.
func TestProbe_shared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, full := 0, errors.New("full")
		p := &probe{do: func(context.Context) error {
			asked++
			time.Sleep(300 * time.Millisecond)
			return full
		}, blocked: func() error { return nil }}
		answers := make(chan error)
		for range 5 {
			go func() { answers <- p.ask(t.Context()) }()
		}
		for range 5 {
			if err := <-answers; !errors.Is(err, full) {
				t.Errorf("the answer is %v, want %v", err, full)
			}
		}
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.ask(hasty); !errors.Is(err, full) || asked != 1 {
			t.Errorf("the answer is %v, after %d probes; want the one that is there", err, asked)
		}
		time.Sleep(probeEvery)
		late, cancelLate := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancelLate()
		if err := p.ask(late); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one who does not wait is told %v", err)
		}
		synctest.Wait()
		if err := p.ask(t.Context()); !errors.Is(err, full) || asked != 2 {
			t.Errorf("a second later: %v, after %d probes; want two", err, asked)
		}
	})
}

// TestPulse: what fails for a moment is no fault; what succeeds again is none any more.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, broken := newPulse("the part"), errors.New("broken")
		p.beat(broken)
		if err := p.failing(time.Second); err != nil {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(time.Second + 1)
		if err := p.failing(time.Second); !errors.Is(err, broken) {
			t.Errorf("after the grace: %v, want %v", err, broken)
		}
		p.beat(nil)
		time.Sleep(time.Hour) // it rests
		if err := p.failing(time.Second); err != nil {
			t.Errorf("after a success: %v", err)
		}
	})
}
