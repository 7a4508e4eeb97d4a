package judge

import (
	"encoding/json"
	"fmt"
)

var stepNames = [...]string{"Scheduling", "PreProcessing", "Processing", "PostProcessing"}

func numberOf(step string) int {
	for i, name := range stepNames {
		if name == step {
			return i
		}
	}
	return -1
}

// content is what the judge reads of an event.
type content struct {
	Step     string          `json:"step"`
	Attempt  int             `json:"attempt"`
	Node     string          `json:"node"`
	Tracking string          `json:"tracking_id"`
	Detail   json.RawMessage `json:"detail"`
}

func parse(e Event) (c content) {
	_ = json.Unmarshal([]byte(e.Data), &c) // what is missing is found as such
	return c
}

// work names the outcome of one call.
type work struct {
	kind, step string
	attempt    int
	node       string
}

// stepState is one step, as the history has it.
type stepState struct {
	status  string
	attempt int
	node    string
}

// history is an order, as its events have it.
type history struct {
	steps    [len(stepNames)]stepState
	turn     int // the step that runs or is next
	open     bool
	failed   int // the step that failed; -1
	undo     int // the step to compensate next; -1
	undoing  int // attempt of the latest compensation
	ended    string
	parked   bool
	version  int
	first    content
	outcomes map[work]string
}

// history replays the events of an order and names what is against the rules.
func (r *Report) history(id string, events []Event, poison bool) *history {
	h := &history{failed: -1, undo: -1, outcomes: map[work]string{}}
	for i := range h.steps {
		h.steps[i].status = "Pending"
	}
	for i, e := range events {
		if what := h.next(i, e); what != "" {
			kind := "history"
			if e.Type == "StepRolledBack" || e.Type == "OrderFailed" {
				kind = "rollback"
			}
			r.foundf(kind, id, "event %d, %s %s: %s", i+1, e.Type, e.Data, what)
		}
	}
	switch {
	case h.parked && !poison:
		r.foundf("history", id, "it is parked")
	case h.ended == "" && !h.parked && h.failed >= 0:
		r.foundf("rollback", id, "it has not been rolled back: %s", h.status())
	case h.ended == "" && !h.parked:
		r.foundf("lost", id, "it has not ended: %s", h.status())
	}
	return h
}

func (h *history) next(i int, e Event) string {
	c := parse(e)
	h.version++
	switch {
	case (i == 0) != (e.Type == "OrderPlaced"):
		return "an order is placed once, and first"
	case h.ended != "":
		return "the order had ended with " + h.ended
	case h.parked && e.Type != "OrderResumed":
		return "the order was parked"
	}
	switch e.Type {
	case "StepStarted":
		return h.start(c)
	case "StepCompleted", "StepFailed", "StepInterrupted":
		return h.close(e.Type, c)
	case "StepRolledBack":
		return h.rollBack(c)
	case "OrderPlaced":
		h.first = c
		return ""
	}
	return h.order(e.Type)
}

// order is an event of the order as a whole.
func (h *history) order(typ string) string {
	switch typ {
	case "OrderCompleted":
		h.ended = "Completed"
		if h.turn != len(stepNames) || h.open || h.failed >= 0 {
			return fmt.Sprintf("%d steps had completed", h.turn)
		}
		return ""
	case "OrderFailed":
		h.ended = "Failed"
		if h.failed < 0 || h.undo >= 0 {
			return "not all had been rolled back"
		}
		return ""
	case "OrderParked":
		h.parked = true
		return ""
	case "OrderResumed":
		h.parked = false
		return ""
	}
	return "this type is unknown"
}

func (h *history) start(c content) string {
	n := numberOf(c.Step)
	if n < 0 || n != h.turn || h.failed >= 0 {
		return "it was not its turn"
	}
	was, wasOpen := h.steps[n], h.open
	h.open = true // whatever else is wrong, so that what follows is not
	h.steps[n] = stepState{status: "Running", attempt: c.Attempt, node: c.Node}
	switch {
	case wasOpen:
		return fmt.Sprintf("attempt %d by %s was open", was.attempt, was.node)
	case c.Attempt <= was.attempt:
		return fmt.Sprintf("attempt %d had been made", was.attempt)
	}
	return ""
}

func (h *history) close(typ string, c content) string {
	n := numberOf(c.Step)
	if !h.open || n != h.turn || h.steps[n].attempt != c.Attempt || h.steps[n].node != c.Node {
		return "this attempt was not open: a fenced-out node was heard"
	}
	h.open = false
	h.steps[n].status = typ[len("Step"):]
	h.outcomes[work{"execute", c.Step, c.Attempt, c.Node}] = h.steps[n].status
	switch typ {
	case "StepCompleted":
		h.turn++
	case "StepFailed":
		h.failed, h.undo = n, n
	}
	return ""
}

func (h *history) rollBack(c content) string {
	n := numberOf(c.Step)
	if h.failed < 0 || n < 0 || n != h.undo {
		return fmt.Sprintf("the step to roll back was number %d", h.undo+1)
	}
	h.outcomes[work{"compensate", c.Step, c.Attempt, c.Node}] = "RolledBack"
	h.steps[n].status = "RolledBack"
	h.undo--
	if c.Attempt < h.undoing {
		return fmt.Sprintf("attempt %d had been heard: a fenced-out node was heard", h.undoing)
	}
	h.undoing = c.Attempt
	return ""
}

func (h *history) status() string {
	switch {
	case h.ended != "":
		return h.ended
	case h.parked:
		return "Parked"
	case h.failed >= 0:
		return "RollingBack"
	case h.steps[0].attempt == 0:
		return "Pending"
	}
	return stepNames[min(h.turn, len(stepNames)-1)]
}
