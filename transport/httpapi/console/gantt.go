package console

import (
	"time"

	"orderflow/domain"
)

// spent is what a stretch of an order's time was spent with.
type spent string

const (
	waited      spent = "wait"
	ran         spent = "run"  // and the attempt completed, or has not ended
	ranFailed   spent = "bad"  // and the attempt failed
	interrupted spent = "lost" // from the attempt's beginning to when somebody recorded that it had no outcome
	undone      spent = "undo" // what was before the compensation began included, since no event says when it did
	laidBy      spent = "parked"
)

// stretch is some of an order's time. The stretches of a course follow each other without a hole.
type stretch struct {
	With     spent
	From, To time.Time
}

func (s stretch) length() time.Duration { return s.To.Sub(s.From) }

// idle says that nobody worked.
func (s stretch) idle() bool { return s.With == waited || s.With == laidBy }

// attempt is a row of the picture: an attempt of a step or of its compensation, or what happened to the whole order.
type attempt struct {
	Step        domain.Step
	Undo        bool
	First, Last int // attempts, of which there are several if they were interrupted alike; 0: it is none
	Node        string
	Stretches   []stretch
	At          time.Time // when an operator asked for something; zero: it is no request
	Outcome     string
	Why         string
	Open        bool // its last stretch lasts
}

// course is what an order's time was spent with.
type course struct {
	Rows     []attempt
	From, To time.Time
	Order    domain.Order
}

// courseOf makes the course of a whole stream, as it is now. A clock that is behind the last event counts as being there.
func courseOf(events []domain.Recorded, now time.Time) (course, error) {
	m := courseMaker{open: -1}
	if err := m.Order.Apply(events...); err != nil {
		return course{}, err
	}
	for i := range events {
		m.add(events[i].Event, events[i].RecordedAt)
	}
	m.To = m.Order.EndedAt
	if !m.Order.Status().Ended() {
		if m.To = now; now.Before(m.idle) {
			m.To = m.idle
		}
		m.last()
	}
	m.Rows = joined(m.Rows)
	m.unreached()
	return m.course, nil
}

// courseMaker makes a course, event by event.
type courseMaker struct {
	course
	idle time.Time // up to when the stretches reach
	open int       // the row whose last stretch has not ended; below 0 if there is none
}

func (m *courseMaker) add(e domain.Event, at time.Time) {
	switch e := e.(type) {
	case domain.OrderPlaced:
		m.From, m.idle = at, at
	case domain.StepStarted:
		m.begin(attempt{Step: e.Step, First: e.Attempt, Last: e.Attempt, Node: e.Node, Outcome: "Running"}, at)
	case domain.StepCompleted:
		m.end(ran, "Completed", "", at)
	case domain.StepFailed:
		m.end(ranFailed, "Failed", e.Error, at)
	case domain.StepInterrupted:
		m.end(interrupted, "Interrupted", e.Reason, at)
	case domain.StepRolledBack:
		m.row(attempt{Step: e.Step, Undo: true, First: e.Attempt, Last: e.Attempt, Node: e.Node, Outcome: "RolledBack"}, undone, at)
	case domain.OrderParked:
		m.begin(attempt{Step: e.Step, Outcome: "Parked", Why: e.Reason}, at)
	case domain.OrderResumed:
		m.end(laidBy, "Resumed", e.Reason, at)
	case domain.OrderCancelRequested:
		outcome := "Cancel requested"
		if e.Now {
			outcome = "Cancel requested now"
		}
		m.request(outcome, e.Reason, at)
	case domain.OrderFailRequested:
		m.request("Fail requested", e.Reason, at)
	}
}

// row adds a row with the time since the row before.
func (m *courseMaker) row(a attempt, with spent, at time.Time) {
	if at.After(m.idle) || with != waited {
		a.Stretches = append(a.Stretches, stretch{with, m.idle, at})
	}
	m.idle = at
	m.Rows = append(m.Rows, a)
}

// begin adds a row whose last stretch begins.
func (m *courseMaker) begin(a attempt, at time.Time) {
	m.row(a, waited, at)
	m.open = len(m.Rows) - 1
}

// end ends what began last.
func (m *courseMaker) end(with spent, outcome, why string, at time.Time) {
	if m.open < 0 {
		return
	}
	a := &m.Rows[m.open]
	a.Stretches = append(a.Stretches, stretch{with, m.idle, at})
	if a.Outcome = outcome; with == laidBy && why != "" {
		why = a.Why + "; resumed: " + why
	}
	if why != "" {
		a.Why = why
	}
	m.idle, m.open = at, -1
}

// request adds what an operator asked for. It takes a parked order back, and leaves a step that runs alone.
func (m *courseMaker) request(outcome, why string, at time.Time) {
	a := attempt{Outcome: outcome, Why: why, At: at}
	if m.open >= 0 && m.Rows[m.open].First > 0 {
		m.Rows = append(m.Rows, a)
		return
	}
	m.end(laidBy, "Parked", "", at)
	m.row(a, waited, at)
}

// last adds what lasts in an order that has not ended.
func (m *courseMaker) last() {
	if m.open < 0 {
		step := m.Order.CurrentStep()
		if step == "" {
			step = domain.Scheduling
		}
		m.row(attempt{Step: step, Undo: m.Order.Status() == domain.StatusRollingBack, Outcome: "Waits", Open: true}, waited, m.To)
		return
	}
	a := &m.Rows[m.open]
	a.Open = true
	with := ran
	if a.First == 0 {
		with = laidBy
	}
	a.Stretches = append(a.Stretches, stretch{with, m.idle, m.To})
}

// unreached adds the steps that were never begun.
func (m *courseMaker) unreached() {
	for _, step := range domain.Steps() {
		waits := len(m.Rows) > 0 && m.Rows[len(m.Rows)-1].Step == step
		if m.Order.Step(step).Status == domain.StepStatusPending && !waits {
			m.Rows = append(m.Rows, attempt{Step: step, Outcome: "Not reached"})
		}
	}
}

// joined has attempts that were interrupted alike, one after the other on one node, share a row.
func joined(rows []attempt) (fewer []attempt) {
	for _, a := range rows {
		if n := len(fewer); n > 0 && a.Outcome == "Interrupted" {
			if b := &fewer[n-1]; b.Outcome == a.Outcome && b.Step == a.Step && b.Node == a.Node && b.Why == a.Why {
				b.Last, b.Stretches = a.Last, append(b.Stretches, a.Stretches...)
				continue
			}
		}
		fewer = append(fewer, a)
	}
	return fewer
}

// sums are how long it was idle and how long it was not.
func sums(stretches []stretch) (idle, busy time.Duration) {
	for _, s := range stretches {
		if s.idle() {
			idle += s.length()
		} else {
			busy += s.length()
		}
	}
	return idle, busy
}
