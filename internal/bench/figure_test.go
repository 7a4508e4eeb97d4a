package bench

import (
	"testing"
	"time"
)

func TestSection(t *testing.T) {
	var s Section
	for _, v := range []float64{300, 100, 200} {
		s.add("system", "orders/s", v)
		s.add("floor", "orders/s", 10*v)
	}
	s.compare("system", "floor")
	s.compare("system", "not there")
	s.compareAs("ratio", "floor", "system")
	if f := s.figure("system"); f.Value != 200 || f.OfFloor != 0.1 || len(f.Samples) != 3 || f.Unit != "orders/s" {
		t.Errorf("%+v, want the median 200, a tenth of the floor", f)
	}
	if f := s.figure("ratio"); f.Value != 10 {
		t.Errorf("%+v, want 10", f)
	}
	s.goal("not there", Goal{})
	for _, c := range []struct {
		goal Goal
		met  bool
	}{
		{Goal{Value: 200}, true}, {Goal{Value: 201}, false}, {Goal{AtMost: true, Value: 200}, true}, {Goal{AtMost: true, Value: 199}, false},
		{Goal{Value: 0.1, OfFloor: true}, true}, {Goal{Value: 0.11, OfFloor: true}, false}, {Goal{AtMost: true, Value: 0.1, OfFloor: true}, true},
	} {
		s.goal("system", c.goal)
		if got := s.figure("system").Met(); got != c.met {
			t.Errorf("%+v of 200, 0.1 of the floor: met is %v", c.goal, got)
		}
	}
}

func TestMedian(t *testing.T) {
	for want, samples := range map[float64][]float64{0: nil, 3: {3}, 2.5: {1, 4, 3, 2}, 7: {9, 7, 1}} {
		if got := median(samples); got != want {
			t.Errorf("median of %v is %v, want %v", samples, got, want)
		}
	}
}

func TestPercentile(t *testing.T) {
	var all []time.Duration
	for i := 100; i > 0; i-- {
		all = append(all, time.Duration(i))
	}
	for p, want := range map[float64]time.Duration{0: 1, 1: 1, 50: 50, 99: 99, 99.5: 100, 100: 100} {
		if got := percentile(all, p); got != want {
			t.Errorf("percentile %v of 1..100 is %d, want %d", p, got, want)
		}
	}
	if got := percentile(nil, 50); got != 0 {
		t.Errorf("percentile of nothing is %d", got)
	}
	if got := percentile([]time.Duration{5, 7}, 50); got != 5 {
		t.Errorf("the median of 5 and 7 is %d, want 5, which half do not exceed", got)
	}
}
