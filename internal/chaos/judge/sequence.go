package judge

import (
	"fmt"
	"math"
	"strings"

	"github.com/anishathalye/porcupine"
)

// machine is the state of an order as its calls move it.
type machine struct {
	turn int // the step that is next
	undo int // the step to compensate next, if the order has failed
	back bool
}

// done is a call and what the log says came of it; "" for nothing.
type done struct {
	compensate bool
	step       int
	outcome    string
	turns      bool // no call: an operator's request turns the order round, and step is compensated first
}

// theOrder is the order's state machine. A call whose outcome the log does not have was
// begun while it was its turn all the same.
var theOrder = porcupine.Model{
	Init: func() any { return machine{} },
	Step: func(state, input, _ any) (bool, any) {
		m, d := state.(machine), input.(done) //nolint:forcetypeassert // these are all there are
		if d.turns {
			can := d.step == m.turn || d.step == m.turn-1
			m.back, m.undo = true, d.step
			return can, m
		}
		if d.compensate {
			if !m.back || d.step != m.undo {
				return false, m
			}
			if d.outcome == "RolledBack" {
				m.undo--
			}
			return true, m
		}
		if m.back || d.step != m.turn {
			return false, m
		}
		switch d.outcome {
		case "Completed":
			m.turn++
		case "Failed":
			m.back, m.undo = true, m.turn
		}
		return true, m
	},
}

// sequence proves that the calls of an order, each with the outcome that the log has of
// it, can have happened one after the other in real time; and that every outcome has its
// call.
func (r *Report) sequence(id string, calls []Call, h *history, life *lives) {
	var ops []porcupine.Operation
	var told []string
	heard := map[work]bool{}
	for i, c := range calls {
		w := work{c.Kind, c.Step, c.Attempt, c.Node}
		outcome := h.outcomes[w]
		heard[w] = true
		r.agrees(id, c, outcome)
		end := c.Ended
		if end == 0 {
			end = life.of(c.PID).gone
		}
		if end == math.MaxInt64 {
			r.foundf("lost", id, "%s never came back", c)
		}
		ops = append(ops, porcupine.Operation{
			ClientId: i, Input: done{compensate: c.Kind == "compensate", step: numberOf(c.Step), outcome: outcome}, Call: c.Asked, Return: max(end, c.Asked),
		})
		told = append(told, fmt.Sprintf("%s: %q", c, outcome))
	}
	if h.back.on && h.failed < 0 { // at some moment, which must lie between the last step and the first compensation
		ops = append(ops, porcupine.Operation{ClientId: len(calls), Input: done{turns: true, step: h.back.first}, Return: math.MaxInt64})
	}
	for w, outcome := range h.outcomes {
		if !heard[w] && outcome != "Interrupted" {
			r.foundf("order", id, "the log says %s of attempt %d of %s by %s, whose executor was never called", outcome, w.attempt, w.step, w.node)
		}
	}
	switch porcupine.CheckOperationsTimeout(theOrder, ops, patience) {
	case porcupine.Illegal:
		r.foundf("order", id, "no sequence explains its calls: %s", strings.Join(told, "; "))
	case porcupine.Unknown:
		r.foundf("order", id, "not proved within %s: %d calls", patience, len(calls))
	case porcupine.Ok:
	}
}

// agrees holds what the log says of a call against what the executor said.
func (r *Report) agrees(id string, c Call, outcome string) {
	switch outcome {
	case "Completed", "RolledBack":
		if c.Ended == 0 || c.Error != "" {
			r.foundf("order", id, "%s is recorded as %s; the executor said %q", c, outcome, c.Error)
		}
	case "Failed":
		if c.Error == "" {
			r.foundf("order", id, "%s is recorded as failed; the executor said nothing", c)
		}
	}
}
