package cluster

import (
	"math"
	"testing"
	"time"

	"orderflow/domain"
)

// at is the time so many seconds after a beginning.
func at(seconds float64) time.Time {
	return time.Date(2026, 11, 28, 7, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

// watched is an order whose events a meter sees as they are stored.
type watched struct {
	t     *testing.T
	meter *Meter
	order *domain.Order
}

func (w *watched) stored(seconds float64, events ...domain.Event) {
	w.t.Helper()
	var recorded []domain.Recorded
	for i, e := range events {
		recorded = append(recorded, domain.Recorded{Version: w.order.Version + 1 + i, Event: e, RecordedAt: at(seconds)})
	}
	if err := w.order.Apply(recorded...); err != nil {
		w.t.Fatal(err)
	}
	w.meter.Observe(w.order, recorded)
}

// whole is what the meter has counted since its last minute.
func whole(m *Meter) *Sum {
	m.Close(Counts{})
	if s := m.takeMinute(); s != nil {
		return s
	}
	return newSum()
}

func near(got time.Duration, want float64) bool {
	return math.Abs(got.Seconds()-want) <= accuracy*want+1e-6
}

// TestMeter: a step waits from what made it due to its first start, and runs from each start to an outcome. A later
// attempt has not waited anew, and an interruption is no outcome.
func TestMeter(t *testing.T) {
	m := NewMeter()
	w := watched{t, m, &domain.Order{}}
	w.stored(0, domain.OrderPlaced{})
	w.stored(3, domain.StepStarted{Step: domain.Scheduling, Attempt: 1})
	w.stored(7, domain.StepCompleted{Step: domain.Scheduling, Attempt: 1}, domain.StepStarted{Step: domain.PreProcessing, Attempt: 1})
	w.stored(20, domain.StepInterrupted{Step: domain.PreProcessing, Attempt: 1}, domain.StepStarted{Step: domain.PreProcessing, Attempt: 2})
	w.stored(26, domain.StepFailed{Step: domain.PreProcessing, Attempt: 2})
	w.stored(27, domain.StepRolledBack{Step: domain.PreProcessing, Attempt: 1})
	w.stored(28, domain.StepRolledBack{Step: domain.Scheduling, Attempt: 1}, domain.OrderFailed{Step: domain.PreProcessing})
	m.Observe(nil, []domain.Recorded{{Event: domain.StepStarted{Step: domain.Scheduling, Attempt: 1}}, {Event: domain.OrderPlaced{}}})

	s := whole(m)
	if want := (Counts{Placed: 2, Failed: 1, StepCompleted: 1, StepFailed: 1, StepInterrupted: 1, StepRolledBack: 2}); s.Counts != want {
		t.Errorf("counted %+v, want %+v", s.Counts, want)
	}
	first, second := s.times(domain.Scheduling), s.times(domain.PreProcessing)
	if first.Wait.Count != 1 || !near(first.Wait.P50, 3) || first.Run.Count != 1 || !near(first.Run.P99, 4) {
		t.Errorf("the first step took %+v, want a wait of 3 s and a run of 4 s", first)
	}
	if second.Wait.Count != 1 || second.Wait.P99 != 0 || second.Run.Count != 1 || !near(second.Run.P50, 6) {
		t.Errorf("the second step took %+v, want a wait of 0 s and a run of 6 s", second)
	}
	if s := m.takeMinute(); s != nil {
		t.Errorf("what was taken is counted again: %+v", s.Counts)
	}
}

// TestMeter_window: the window is the sum of the last closed ones. It is told until the heartbeat has taken it along,
// once more when nothing happens any more, and not after that.
func TestMeter_window(t *testing.T) {
	m := NewMeter()
	placed := func() { m.Observe(nil, []domain.Recorded{{Event: domain.OrderPlaced{}}}) }
	tells := func(want int64) {
		t.Helper()
		text, taken := m.Window()
		if want < 0 {
			if text != "" {
				t.Errorf("it tells %s, and nothing is new", text)
			}
			return
		}
		s := newSum()
		if err := s.addText(text); err != nil || s.Placed != want {
			t.Errorf("it tells %s (%v), want %d placed", text, err, want)
		}
		taken()
	}
	m.Close(Counts{})
	tells(-1)
	for i := range windows {
		placed()
		tells(-1)
		m.Close(Counts{})
		if i == 0 {
			if text, _ := m.Window(); text == "" { // a heartbeat that failed
				t.Error("it tells nothing")
			}
		}
		tells(int64(i + 1))
		tells(-1)
	}
	for i := range windows {
		m.Close(Counts{})
		tells(int64(windows - 1 - i))
	}
	m.Close(Counts{})
	tells(-1)
	m.Close(Counts{TakenOver: 2})
	if text, _ := m.Window(); text != `{"taken_over":2}` {
		t.Errorf("it tells %s", text)
	}
}

// TestSum_merged: quantiles of sketches that were stored and merged are those of all values, within the accuracy.
func TestSum_merged(t *testing.T) {
	merged := newSum()
	for node := range 4 {
		s := newSum()
		for i := range 1000 {
			s.runs.add(domain.Processing, time.Duration(4*i+node+1)*time.Millisecond)
		}
		if err := merged.addText(s.text()); err != nil {
			t.Fatal(err)
		}
	}
	got := merged.times(domain.Processing).Run
	if got.Count != 4000 || !near(got.P50, 2) || !near(got.P95, 3.8) || !near(got.P99, 3.96) {
		t.Errorf("of 1 ms to 4 s: %+v", got)
	}
	if err := merged.addText(`{"placed":1,"of a newer program":[1]}`); err != nil || merged.Placed != 1 {
		t.Errorf("what a newer program wrote: %v", err)
	}
	if err := merged.addText(`{"runs":{"Processing":"AAAA"}}`); err == nil {
		t.Error("a sketch that cannot be read is read")
	}
}
