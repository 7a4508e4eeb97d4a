package cluster

import (
	"sync"
	"time"

	"orderflow/domain"
)

// windows is how many closed windows a minute has.
const windows = 6

// Meter counts what this node records, and how long steps wait and run. It asks no database: the node tells it of what
// was stored. What it counts is gathered in windows. The sum of the last windows, a minute, goes out with the node's
// heartbeat when a window closes.
type Meter struct {
	mu     sync.Mutex
	open   *Sum          // the window that is open
	closed [windows]*Sum // the last ones, nil before
	minute *Sum          // closed windows of which no minute was made yet

	text        string // the sum of the closed windows
	made, taken int    // how often the text was made, and which of them the heartbeat took along
}

// NewMeter makes a meter that has counted nothing.
func NewMeter() *Meter { return &Meter{open: newSum(), minute: newSum()} }

// Observe counts events that were stored just now. order is the order after them; nil if nobody has it, and then
// how long steps took is not known.
func (m *Meter) Observe(order *domain.Order, events []domain.Recorded) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range events {
		m.open.observe(order, &events[i])
	}
}

func (s *Sum) observe(order *domain.Order, r *domain.Recorded) {
	switch e := r.Event.(type) {
	case domain.OrderPlaced:
		s.Placed++
	case domain.OrderCompleted:
		s.Completed++
	case domain.OrderFailed:
		s.Failed++
	case domain.OrderCancelled:
		s.Cancelled++
	case domain.OrderParked:
		s.Parked++
	case domain.StepStarted:
		if at := due(order, e.Step); e.Attempt == 1 && !at.IsZero() {
			s.waits.add(e.Step, r.RecordedAt.Sub(at))
		}
	case domain.StepCompleted:
		s.StepCompleted++
		s.ran(order, e.Step, r)
	case domain.StepFailed:
		s.StepFailed++
		s.ran(order, e.Step, r)
	case domain.StepInterrupted:
		s.StepInterrupted++
	case domain.StepRolledBack:
		s.StepRolledBack++
	}
}

// due is when a step became due: when the order was placed, or the step before completed. It is zero if that is not
// known.
func due(order *domain.Order, step domain.Step) time.Time {
	if order == nil {
		return time.Time{}
	}
	at := order.PlacedAt
	for _, before := range domain.Steps() {
		if before == step {
			return at
		}
		at = order.Step(before).CompletedAt
	}
	return time.Time{}
}

// ran adds how long an attempt ran that has just ended.
func (s *Sum) ran(order *domain.Order, step domain.Step, ended *domain.Recorded) {
	if order == nil {
		return
	}
	if started := order.Step(step).StartedAt; !started.IsZero() {
		s.runs.add(step, ended.RecordedAt.Sub(started))
	}
}

// Close closes the window. more is what was counted elsewhere since the last time.
func (m *Meter) Close(more Counts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open.Counts.Add(more)
	m.minute.add(m.open)
	was := m.text
	copy(m.closed[1:], m.closed[:windows-1])
	m.closed[0], m.open = m.open, newSum()
	sum := newSum()
	for _, w := range m.closed {
		if w != nil {
			sum.add(w)
		}
	}
	if m.text = ""; !sum.empty() {
		m.text = sum.text()
	}
	if m.text != "" || was != "" {
		m.made++
	}
}

// Window is the sum of the closed windows, if the heartbeat has not taken it along yet, and what to call when it has. The
// text is "{}" when nothing has happened in them any more, and empty if there is nothing new to tell.
func (m *Meter) Window() (text string, taken func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	made := m.made
	if made == m.taken {
		return "", nil
	}
	if text = m.text; text == "" {
		text = "{}"
	}
	return text, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.taken = max(m.taken, made)
	}
}

// takeMinute takes what the closed windows counted since the last time; nil if nothing has happened.
func (m *Meter) takeMinute() *Sum {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.minute
	m.minute = newSum()
	if taken.empty() {
		return nil
	}
	return taken
}

// giveBack gives back what was taken and could not be stored.
func (m *Meter) giveBack(s *Sum) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.minute.add(s)
}
