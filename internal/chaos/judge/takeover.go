package judge

import "time"

// takeOver measures how long the work of lost processes lay: from the loss to the next
// call for the same order. A call whose outcome is in the log was not lost.
func (r *Report) takeOver(id string, calls []Call, h *history, life *lives, conf Config) {
	for i, c := range calls {
		r.still(calls, i, life)
		if outcome := h.outcomes[work{c.Kind, c.Step, c.Attempt, c.Node}]; outcome != "" && outcome != "Interrupted" {
			continue
		}
		at, lost := life.loss(c)
		if !lost {
			continue
		}
		if i+1 == len(calls) {
			if h.ended == "" && !h.parked {
				r.foundf("take-over", id, "nobody took up %s", c)
			}
			continue
		}
		took, owners := time.Duration(life.present(at, calls[i+1].Asked)), c.owners(calls[i+1], h)
		r.TakeOvers = append(r.TakeOvers, took)
		if conf.TakeOver > 0 && took > time.Duration(owners)*conf.TakeOver {
			r.foundf("take-over", id, "%s was lost and taken up %s later, after %d lost owners", c, took.Round(time.Millisecond), owners)
		}
	}
}

// owners is how many owners of the work were lost, one after the other, before the next call: an attempt without a
// call is that of an owner who was lost before it called. Where a request had the order rolled back instead, the step's
// message and that of the rollback have each their own.
func (c Call) owners(next Call, h *history) int {
	if next.Kind != c.Kind && next.Kind == "compensate" && h.back.cutBy > 0 {
		return max(h.back.cutBy-c.Attempt, 1) + next.Attempt - 1
	}
	if next.Kind != c.Kind || next.Step != c.Step {
		return 1
	}
	return max(next.Attempt-c.Attempt, 1)
}

// still keeps the longest time between two calls.
func (r *Report) still(calls []Call, i int, life *lives) {
	if i == 0 {
		return
	}
	if d := time.Duration(life.present(life.end(calls[i-1]), calls[i].Asked)); d > r.Longest {
		r.Longest = d
	}
}
