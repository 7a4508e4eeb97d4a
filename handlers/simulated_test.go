package handlers

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
)

func simulated(t *testing.T, c SimulatedConfig) *Simulated {
	t.Helper()
	s, err := NewSimulated(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func workOf(n int, step domain.Step) Work {
	w := Work{Step: step, Attempt: 1}
	binary.BigEndian.PutUint64(w.Order[8:], uint64(n))
	return w
}

// outcomes is which of n orders' steps fail, in order.
func outcomes(t *testing.T, s *Simulated, n int) (failed []bool) {
	t.Helper()
	for i := range n {
		for _, step := range domain.Steps() {
			err := s.Execute(t.Context(), workOf(i, step))
			if err != nil && !errors.Is(err, ErrSimulated) {
				t.Fatal(err)
			}
			failed = append(failed, err != nil)
		}
	}
	return failed
}

func count(of []bool) (n int) {
	for _, yes := range of {
		if yes {
			n++
		}
	}
	return n
}

func TestSimulated_Execute_repeats(t *testing.T) {
	conf := SimulatedConfig{FailureRate: 0.5, Seed: 7}
	first, again := outcomes(t, simulated(t, conf), 500), outcomes(t, simulated(t, conf), 500)
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("step %d had another outcome the second time", i)
		}
	}
	conf.Seed = 8
	differ := 0
	for i, f := range outcomes(t, simulated(t, conf), 500) {
		if f != first[i] {
			differ++
		}
	}
	if differ < 900 || differ > 1100 {
		t.Errorf("another seed changed %d of 2000 outcomes, want about half", differ)
	}
	t.Run("whatever the attempt", func(t *testing.T) {
		s := simulated(t, conf)
		for i := range 100 {
			w := workOf(i, domain.Processing)
			one := s.Execute(t.Context(), w)
			w.Attempt, w.Node = 2, "elsewhere"
			if two := s.Execute(t.Context(), w); (one == nil) != (two == nil) {
				t.Fatalf("order %d: attempt 1 gave %v, attempt 2 %v", i, one, two)
			}
		}
	})
}

func TestSimulated_Execute_rate(t *testing.T) {
	const orders = 5000
	for _, rate := range []float64{0, 0.05, 0.3, 1} {
		failed := outcomes(t, simulated(t, SimulatedConfig{FailureRate: rate, Seed: 1}), orders)
		n := float64(len(failed))
		// Four standard deviations of a binomial distribution; the seed is fixed.
		if off, most := math.Abs(float64(count(failed))-n*rate), 4*math.Sqrt(n*rate*(1-rate)); off > most {
			t.Errorf("rate %v: %d of %v steps failed, which is off by %.0f (at most %.0f)", rate, count(failed), n, off, most)
		}
		for i, step := range domain.Steps() {
			var of []bool
			for j := i; j < len(failed); j += domain.StepCount {
				of = append(of, failed[j])
			}
			if off, most := math.Abs(float64(count(of))-orders*rate), 4*math.Sqrt(orders*rate*(1-rate)); off > most {
				t.Errorf("rate %v: %d of %d failed at %s", rate, count(of), orders, step)
			}
		}
	}
}

// The steps of one order fail independently of each other.
func TestSimulated_Execute_steps(t *testing.T) {
	const orders = 4000
	failed, alike := outcomes(t, simulated(t, SimulatedConfig{FailureRate: 0.5, Seed: 3}), orders), 0
	for i := 0; i < len(failed); i += domain.StepCount {
		if n := count(failed[i : i+domain.StepCount]); n == 0 || n == domain.StepCount {
			alike++
		}
	}
	if want := orders / 8; alike < want-80 || alike > want+80 { // four standard deviations
		t.Errorf("in %d of %d orders all steps had the same outcome, want about %d", alike, orders, want)
	}
}

func TestSimulated_duration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulated(t, SimulatedConfig{StepDuration: 5 * time.Second, CompensationDuration: 2 * time.Second})
		began := time.Now()
		if err := s.Execute(t.Context(), Work{}); err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("a step took %s, err %v; want 5 s", time.Since(began), err)
		}
		began = time.Now()
		if err := s.Compensate(t.Context(), Work{}); err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("a compensation took %s, err %v; want 2 s", time.Since(began), err)
		}
		for name, do := range map[string]func(context.Context, Work) error{"step": s.Execute, "compensation": s.Compensate} {
			ctx, end := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { end(domain.ErrFenced) })
			began = time.Now()
			if err := do(ctx, Work{}); !errors.Is(err, domain.ErrFenced) || time.Since(began) != time.Second {
				t.Errorf("a %s ended with %v after %s; want ErrFenced when the context ended, after 1 s", name, err, time.Since(began))
			}
		}
	})
	t.Run("none", func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		end()
		if err := simulated(t, SimulatedConfig{}).Execute(ctx, Work{}); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v, want Canceled even if the step takes no time", err)
		}
	})
}

func TestNewSimulated(t *testing.T) {
	for name, c := range map[string]SimulatedConfig{
		"negative rate":         {FailureRate: -0.01},
		"rate over 1":           {FailureRate: 1.01},
		"rate is not a number":  {FailureRate: math.NaN()},
		"negative step":         {StepDuration: -1},
		"negative compensation": {CompensationDuration: -1},
	} {
		if _, err := NewSimulated(c); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", name, err)
		}
	}
}
