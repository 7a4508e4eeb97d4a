package domain

import (
	"fmt"
	"slices"
)

// model is the rules of an order once more, written from their description and without
// the code under test: what has happened, as plain lists.
type model struct {
	events     int
	completed  []Step // in the order in which they completed
	failed     Step   // empty while none has failed
	reason     string
	toRollBack []Step // what is left, the next first
	attempts   map[Step]int
	open       *StepStarted
	parked     bool
	ended      bool
	asked      string // "cancel" or "fail" once it was, or "cancel now"
	why        string // it was asked
	cut        Step   // the step that was interrupted and not started again
}

func newModel() *model { return &model{attempts: map[Step]int{}} }

// rolling: a step failed, or it was asked for and nothing runs.
func (m *model) rolling() bool {
	return m.failed != "" || m.asked != "" && m.open == nil && len(m.attempts) > 0
}

// turned: what there is to compensate from now on.
func (m *model) turned() {
	m.toRollBack = slices.Clone(m.completed)
	if m.failed != "" {
		m.toRollBack = append(m.toRollBack, m.failed)
	}
	if m.cut != "" {
		m.toRollBack = append(m.toRollBack, m.cut)
	}
	slices.Reverse(m.toRollBack)
}

// turn is the step that may start next; empty if none may.
func (m *model) turn() Step {
	if m.events == 0 || m.ended || m.parked || m.rolling() || m.open != nil || m.asked != "" {
		return ""
	}
	return steps[len(m.completed)]
}

// allows says whether the rules allow a command.
func (m *model) allows(c Command) bool {
	isOpen := func(step Step, attempt int) bool {
		return m.open != nil && m.open.Step == step && m.open.Attempt == attempt
	}
	flowing := m.events > 0 && !m.ended && !m.parked
	switch c := c.(type) {
	case Place:
		return m.events == 0
	case StartStep:
		return m.turn() == c.Step && c.Step != "" && c.Attempt > m.attempts[c.Step]
	case CompleteStep:
		return isOpen(c.Step, c.Attempt)
	case FailStep:
		return isOpen(c.Step, c.Attempt)
	case InterruptStep:
		return isOpen(c.Step, c.Attempt)
	case RollBackStep:
		return flowing && m.rolling() && m.toRollBack[0] == c.Step
	case Park:
		return flowing && m.open == nil
	case Resume:
		return m.parked
	case Cancel:
		first := m.asked == ""
		return m.events > 0 && !m.ended && !m.rolling() && (first || m.asked == "cancel" && c.Now)
	case Fail:
		return m.parked && !m.rolling()
	}
	return false
}

// happen holds an event against the rules and takes note of it.
func (m *model) happen(e Event) error {
	if err := m.judge(e); err != nil {
		return fmt.Errorf("%#v as event %d: %w", e, m.events+1, err)
	}
	was := m.rolling()
	m.events++
	switch e := e.(type) {
	case StepStarted:
		m.open, m.attempts[e.Step], m.cut = &e, e.Attempt, ""
	case StepCompleted:
		m.open, m.completed = nil, append(m.completed, e.Step)
	case StepFailed:
		m.open, m.failed, m.reason = nil, e.Step, e.Error
	case StepInterrupted:
		m.open, m.cut = nil, e.Step
	case StepRolledBack:
		m.toRollBack = m.toRollBack[1:]
	case OrderParked:
		m.parked = true
	case OrderResumed:
		m.parked = false
	case OrderCancelRequested:
		m.parked, m.asked, m.why = false, "cancel", e.Reason
		if e.Now {
			m.asked += " now"
		}
	case OrderFailRequested:
		m.parked, m.asked, m.why = false, "fail", e.Reason
	case OrderCompleted, OrderFailed, OrderCancelled:
		m.ended = true
	}
	if !was && m.rolling() {
		m.turned()
	}
	return nil
}

func (m *model) judge(e Event) error {
	_, opens := e.(OrderPlaced)
	switch {
	case m.ended:
		return fmt.Errorf("the order has ended")
	case opens != (m.events == 0):
		return fmt.Errorf("an order is placed once, first of all")
	case m.parked:
		switch e.(type) {
		case OrderResumed, OrderCancelRequested, OrderFailRequested:
		default:
			return fmt.Errorf("the order is parked")
		}
	}
	closes := func(step Step, attempt int, node string) error {
		if m.open == nil || *m.open != (StepStarted{step, attempt, node}) {
			return fmt.Errorf("open is %+v", m.open)
		}
		return nil
	}
	switch e := e.(type) {
	case StepStarted:
		if m.turn() != e.Step || e.Attempt <= m.attempts[e.Step] {
			return fmt.Errorf("it is the turn of %q, open is %+v, the last attempt was %d", m.turn(), m.open, m.attempts[e.Step])
		}
	case StepCompleted:
		return closes(e.Step, e.Attempt, e.Node)
	case StepFailed:
		return closes(e.Step, e.Attempt, e.Node)
	case StepInterrupted:
		return closes(e.Step, e.Attempt, e.Node)
	case StepRolledBack:
		if len(m.toRollBack) == 0 || m.toRollBack[0] != e.Step {
			return fmt.Errorf("left to roll back, in order: %v", m.toRollBack)
		}
	case OrderCompleted:
		if len(m.completed) != StepCount || m.rolling() || m.asked != "" {
			return fmt.Errorf("completed: %v", m.completed)
		}
	case OrderFailed:
		return m.judgeFailed(e)
	case OrderCancelled:
		if m.asked != "cancel" && m.asked != "cancel now" || m.open != nil || len(m.toRollBack) > 0 || e.Reason != m.why {
			return fmt.Errorf("asked was %q (%s), left to roll back: %v", m.asked, m.why, m.toRollBack)
		}
	case OrderCancelRequested:
		if m.rolling() || m.asked != "" && (m.asked != "cancel" || !e.Now) {
			return fmt.Errorf("it rolls back, or was asked already: %q", m.asked)
		}
	case OrderFailRequested:
		if !m.parked || m.rolling() {
			return fmt.Errorf("the order is not parked, or rolls back")
		}
	case OrderParked:
		if m.open != nil {
			return fmt.Errorf("open is %+v", m.open)
		}
	case OrderResumed:
		if !m.parked {
			return fmt.Errorf("the order is not parked")
		}
	}
	return nil
}

func (m *model) judgeFailed(e OrderFailed) error {
	step, why := m.failed, m.reason
	if m.asked == "fail" {
		step, why = Scheduling, m.why
		for _, s := range Steps() {
			if m.attempts[s] > 0 {
				step = s
			}
		}
	}
	if step == "" || m.open != nil || len(m.toRollBack) > 0 || e.Step != step || e.Reason != why || m.asked == "cancel" {
		return fmt.Errorf("%s failed (%s), left to roll back: %v", step, why, m.toRollBack)
	}
	return nil
}

// status is what customers should see.
func (m *model) status() Status {
	switch {
	case m.ended && (m.asked == "cancel" || m.asked == "cancel now"):
		return StatusCancelled
	case m.ended && (m.failed != "" || m.asked == "fail"):
		return StatusFailed
	case m.ended:
		return StatusCompleted
	case m.parked:
		return StatusParked
	case m.rolling():
		return StatusRollingBack
	case len(m.attempts) == 0:
		return StatusPending
	}
	return Status(steps[min(len(m.completed), StepCount-1)])
}
