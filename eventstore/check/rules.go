package check

import (
	"fmt"
	"slices"

	"orderflow/domain"
)

// rules are the rules of a history, written a second time and in another way than
// package domain has them, so that a fault there does not hide itself.
type rules struct {
	events    int
	open      string         // "step#attempt" of the attempt that is open
	attempts  map[string]int // latest attempt by step
	completed []domain.Step  // and not rolled back
	failed    domain.Step
	undone    []domain.Step
	ended     string
	parked    bool
}

func newRules() *rules { return &rules{attempts: map[string]int{}} }

// next says what is wrong with an event at its place; "" if nothing is.
func (h *rules) next(r domain.Recorded) string {
	if what := h.position(r.Type); what != "" {
		return what
	}
	switch e := r.Event.(type) {
	case domain.StepStarted:
		return h.start(e)
	case domain.StepCompleted:
		h.completed = append(h.completed, e.Step)
		return h.close(e.Step, e.Attempt)
	case domain.StepFailed:
		h.failed = e.Step
		return h.close(e.Step, e.Attempt)
	case domain.StepInterrupted:
		return h.close(e.Step, e.Attempt)
	case domain.StepRolledBack:
		return h.undo(e.Step)
	case domain.OrderCompleted, domain.OrderFailed:
		h.ended = r.Type
	case domain.OrderParked:
		h.parked = true
	case domain.OrderResumed:
		h.parked = false
	}
	return ""
}

// position says what is wrong with any event of a type at this position of the history.
func (h *rules) position(typ string) string {
	h.events++
	switch {
	case h.events == 1 && typ != "OrderPlaced":
		return "the history does not begin with OrderPlaced"
	case h.events > 1 && typ == "OrderPlaced":
		return "the order was placed already"
	case h.ended != "":
		return "the order had ended with " + h.ended
	case h.parked && typ != "OrderResumed":
		return "the order was parked"
	}
	return ""
}

func (h *rules) start(e domain.StepStarted) string {
	was, step := h.open, string(e.Step)
	h.open = attempt(e.Step, e.Attempt)
	last := h.attempts[step]
	h.attempts[step] = e.Attempt
	switch {
	case was != "":
		return "attempt " + was + " was open"
	case h.failed != "":
		return "step " + string(h.failed) + " had failed"
	case e.Attempt <= last:
		return fmt.Sprintf("attempt %d had been made", last)
	case e.Node == "":
		return "no node is named"
	case len(h.completed) >= domain.StepCount || domain.Steps()[len(h.completed)] != e.Step:
		return domain.List(h.completed) + " had completed"
	}
	return ""
}

func (h *rules) close(step domain.Step, n int) string {
	was := h.open
	h.open = ""
	if was != attempt(step, n) {
		return fmt.Sprintf("attempt %q was open", was)
	}
	return ""
}

// undo: the failed step first, then the completed ones, the last first.
func (h *rules) undo(step domain.Step) string {
	expected := slices.Clone(h.completed)
	slices.Reverse(expected)
	if h.failed == "" {
		return "no step had failed"
	}
	expected = append([]domain.Step{h.failed}, expected...)
	h.undone = append(h.undone, step)
	if n := len(h.undone); n > len(expected) || expected[n-1] != step {
		return fmt.Sprintf("the steps to roll back were %s; of them %s had been", domain.List(expected), domain.List(h.undone[:n-1]))
	}
	return ""
}

// end says what is wrong with a history as a whole.
func (h *rules) end() string {
	switch {
	case h.ended == "OrderCompleted" && (len(h.completed) != domain.StepCount || h.failed != ""):
		return "the order completed after " + domain.List(h.completed)
	case h.ended == "OrderFailed" && len(h.undone) != len(h.completed)+1:
		return fmt.Sprintf("the order ended with %s rolled back; %s had completed and %s had failed", domain.List(h.undone), domain.List(h.completed), h.failed)
	case h.ended != "" && h.open != "":
		return "attempt " + h.open + " is open"
	}
	return ""
}

func attempt(step domain.Step, n int) string { return fmt.Sprintf("%s#%d", step, n) }
