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
	RetryOf  string          `json:"retry_of"`
	Now      bool            `json:"now"`
}

func parse(e Event) (c content) {
	_ = json.Unmarshal([]byte(e.Data), &c) // what is missing is found as such
	return c
}

// deliveryOf is the delivery of the message under which an event was appended.
func deliveryOf(e Event) int {
	var m struct {
		Attempt int `json:"attempt"`
	}
	_ = json.Unmarshal([]byte(e.Metadata), &m) // what is missing is 0
	return m.Attempt
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
	back     rollback
	want     request
	ended    string
	parked   bool
	version  int
	placed   content
	outcomes map[work]string
}

// rollback is how far an order has been rolled back.
type rollback struct {
	on      bool
	first   int // the step to compensate first
	next    int // the step to compensate next; -1
	attempt int // of the latest compensation
	cutBy   int // delivery of the message by which an attempt was interrupted that turned the order round
}

// request is what an operator has asked for.
type request struct {
	what string // cancel or fail
	now  bool   // without waiting
}

// history replays the events of an order and names what is against the rules.
func (r *Report) history(id string, events []Event, poison bool) *history {
	h := &history{failed: -1, back: rollback{next: -1}, outcomes: map[work]string{}}
	for i := range h.steps {
		h.steps[i].status = "Pending"
	}
	for i, e := range events {
		if what := h.next(i, e); what != "" {
			kind := "history"
			if e.Type == "StepRolledBack" || e.Type == "OrderFailed" || e.Type == "OrderCancelled" {
				kind = "rollback"
			}
			r.foundf(kind, id, "event %d, %s %s: %s", i+1, e.Type, e.Data, what)
		}
	}
	switch {
	case h.parked && !poison:
		r.foundf("history", id, "it is parked")
	case h.ended == "" && !h.parked && h.back.on:
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
	case h.parked && e.Type != "OrderResumed" && e.Type != "OrderCancelRequested" && e.Type != "OrderFailRequested":
		return "the order was parked"
	}
	switch e.Type {
	case "StepStarted":
		return h.start(c)
	case "StepCompleted", "StepFailed", "StepInterrupted":
		return h.close(e, c)
	case "StepRolledBack":
		return h.rollBack(c)
	case "OrderCancelRequested":
		return h.ask("cancel", c.Now)
	case "OrderFailRequested":
		return h.ask("fail", false)
	case "OrderPlaced":
		h.placed = c
		return ""
	}
	return h.order(e.Type)
}

// order is an event of the order as a whole.
func (h *history) order(typ string) string {
	switch typ {
	case "OrderCompleted":
		h.ended = "Completed"
		if h.turn != len(stepNames) || h.open || h.back.on || h.want.what != "" {
			return fmt.Sprintf("%d steps had completed", h.turn)
		}
		return ""
	case "OrderFailed":
		h.ended = "Failed"
		return h.undone(h.failed >= 0 || h.want.what == "fail", h.want.what != "cancel")
	case "OrderCancelled":
		h.ended = "Cancelled"
		return h.undone(h.want.what == "cancel")
	case "OrderParked":
		h.parked = true
		return ""
	case "OrderResumed":
		h.parked = false
		return ""
	}
	return "this type is unknown"
}

// undone says what is wrong with an end after a rollback: a condition does not hold, or it is not over.
func (h *history) undone(conditions ...bool) string {
	for _, holds := range conditions {
		if !holds {
			return "that was not what was asked for: " + h.want.what
		}
	}
	if h.open || h.back.next >= 0 || !h.back.on && h.steps[0].attempt > 0 {
		return "not all had been rolled back"
	}
	return ""
}

// ask is a request of an operator: once, and once more without patience, and never while the order is rolled back.
func (h *history) ask(what string, now bool) string {
	wasParked, asked, again := h.parked, h.want.what, h.open && now && !h.want.now
	h.parked, h.want = false, request{what, now}
	switch {
	case h.back.on:
		return "it was being rolled back"
	case what == "fail" && !wasParked:
		return "it was not parked"
	case asked != "" && !again:
		return "it had been asked for"
	}
	h.turnRound()
	return ""
}

// turnRound has the order rolled back if that is due: the step that was begun last first.
func (h *history) turnRound() {
	if h.back.on || h.open || h.failed < 0 && h.want.what == "" || h.steps[0].attempt == 0 {
		return
	}
	h.back.next = min(h.turn, len(stepNames)-1)
	if h.steps[h.back.next].attempt == 0 {
		h.back.next--
	}
	h.back.on, h.back.first = true, h.back.next
}

func (h *history) start(c content) string {
	n := numberOf(c.Step)
	if n < 0 || n != h.turn || h.back.on || h.want.what != "" {
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

func (h *history) close(e Event, c content) string {
	n, typ := numberOf(c.Step), e.Type
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
		h.failed = n
	}
	if h.turnRound(); h.back.on && typ == "StepInterrupted" {
		h.back.cutBy = deliveryOf(e)
	}
	return ""
}

func (h *history) rollBack(c content) string {
	n := numberOf(c.Step)
	if !h.back.on || n < 0 || n != h.back.next {
		return fmt.Sprintf("the step to roll back was number %d", h.back.next+1)
	}
	h.outcomes[work{"compensate", c.Step, c.Attempt, c.Node}] = "RolledBack"
	h.steps[n].status = "RolledBack"
	h.back.next--
	if c.Attempt < h.back.attempt {
		return fmt.Sprintf("attempt %d had been heard: a fenced-out node was heard", h.back.attempt)
	}
	h.back.attempt = c.Attempt
	return ""
}

func (h *history) status() string {
	switch {
	case h.ended != "":
		return h.ended
	case h.parked:
		return "Parked"
	case h.back.on:
		return "RollingBack"
	case h.steps[0].attempt == 0:
		return "Pending"
	}
	return stepNames[min(h.turn, len(stepNames)-1)]
}
