package check

import (
	"cmp"
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
	cut       domain.Step // that was interrupted and not started again
	undone    []domain.Step
	asked     string // the type of an operator's request
	now       bool   // it does not wait
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
		h.cut = e.Step
		return h.close(e.Step, e.Attempt)
	case domain.StepRolledBack:
		return h.undo(e.Step)
	case domain.OrderCompleted, domain.OrderFailed, domain.OrderCancelled:
		h.ended = r.Type
	case domain.OrderCancelRequested:
		return h.ask(r.Type, e.Now)
	case domain.OrderFailRequested:
		return h.ask(r.Type, false)
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
	case h.parked && typ != "OrderResumed" && typ != cancelAsked && typ != failAsked:
		return "the order was parked"
	}
	return ""
}

// The types of an operator's requests.
const (
	cancelAsked = "OrderCancelRequested"
	failAsked   = "OrderFailRequested"
)

// ask: once, and once more to have the step that runs cut short; never while the order is rolled back.
func (h *rules) ask(typ string, now bool) string {
	wasParked, asked, waited := h.parked, h.asked, !h.now
	h.parked, h.asked, h.now = false, typ, now
	switch {
	case h.failed != "" || len(h.undone) > 0:
		return "the order was being rolled back"
	case typ == failAsked && !wasParked:
		return "the order was not parked"
	case asked != "" && (h.open == "" || !waited || !now):
		return asked + " had been recorded"
	}
	return ""
}

func (h *rules) start(e domain.StepStarted) string {
	was, step := h.open, string(e.Step)
	h.open = attempt(e.Step, e.Attempt)
	last := h.attempts[step]
	h.attempts[step] = e.Attempt
	h.cut = ""
	switch {
	case was != "":
		return "attempt " + was + " was open"
	case h.failed != "":
		return "step " + string(h.failed) + " had failed"
	case h.asked != "":
		return h.asked + " had been recorded"
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

// due are the steps to roll back: the failed or interrupted one first, then the completed ones, the last first.
func (h *rules) due() []domain.Step {
	all := slices.Clone(h.completed)
	for _, last := range []domain.Step{h.failed, h.cut} {
		if last != "" {
			all = append(all, last)
		}
	}
	slices.Reverse(all)
	return all
}

func (h *rules) undo(step domain.Step) string {
	expected := h.due()
	switch {
	case h.failed == "" && h.asked == "":
		return "no step had failed"
	case h.open != "":
		return "attempt " + h.open + " was open"
	}
	h.undone = append(h.undone, step)
	if n := len(h.undone); n > len(expected) || expected[n-1] != step {
		return fmt.Sprintf("the steps to roll back were %s; of them %s had been", domain.List(expected), domain.List(h.undone[:n-1]))
	}
	return ""
}

// end says what is wrong with a history as a whole.
func (h *rules) end() string {
	left := len(h.due()) - len(h.undone)
	switch {
	case h.ended == "OrderCompleted" && (len(h.completed) != domain.StepCount || h.failed != "" || h.asked != ""):
		return "the order completed after " + domain.List(h.completed) + h.afterAsked()
	case h.ended == "OrderFailed" && (left != 0 || h.failed == "" && h.asked == "" || h.asked == cancelAsked),
		h.ended == "OrderCancelled" && (left != 0 || h.asked != cancelAsked):
		return fmt.Sprintf("the order ended with %s rolled back; %s had completed, %s had failed and %s been interrupted%s",
			domain.List(h.undone), domain.List(h.completed), orNothing(h.failed), orNothing(h.cut), h.afterAsked())
	case h.ended != "" && h.open != "":
		return "attempt " + h.open + " is open"
	}
	return ""
}

func (h *rules) afterAsked() string {
	if h.asked == "" {
		return ""
	}
	return ", after " + h.asked
}

func orNothing(s domain.Step) string { return cmp.Or(string(s), "nothing") }

func attempt(step domain.Step, n int) string { return fmt.Sprintf("%s#%d", step, n) }
