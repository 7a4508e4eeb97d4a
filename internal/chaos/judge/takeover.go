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
		took := time.Duration(life.present(at, calls[i+1].Asked))
		r.TakeOvers = append(r.TakeOvers, took)
		if conf.TakeOver > 0 && took > conf.TakeOver {
			r.foundf("take-over", id, "%s was lost and taken up %s later", c, took.Round(time.Millisecond))
		}
	}
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
