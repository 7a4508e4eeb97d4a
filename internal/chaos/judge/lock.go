package judge

import (
	"time"

	"github.com/anishathalye/porcupine"
)

// patience bounds the search for one order's sequence; histories are short.
const patience = 20 * time.Second

// hold is an operation on the lock that an order would be, if working on it were holding
// a lock: a call takes it and gives it back.
type hold struct {
	call int
	take bool
}

// theLock is free (-1) or held by a call.
var theLock = porcupine.Model{
	Init: func() any { return -1 },
	Step: func(state, input, _ any) (bool, any) {
		holder, h := state.(int), input.(hold) //nolint:forcetypeassert // these are all there are
		if h.take {
			return holder == -1, h.call
		}
		return holder == h.call, -1
	},
}

// overlap proves that no two calls were at work on an order at one instant.
func (r *Report) overlap(id string, calls []Call, life *lives) {
	if len(calls) < 2 {
		return
	}
	var ops []porcupine.Operation
	for i, c := range calls {
		end := life.end(c)
		// Work begins between Asked and Began, and goes on until end.
		ops = append(ops,
			porcupine.Operation{ClientId: i, Input: hold{i, true}, Call: c.Asked, Return: max(c.Began, c.Asked)},
			porcupine.Operation{ClientId: i, Input: hold{i, false}, Call: end, Return: max(end, c.Ended)})
	}
	switch porcupine.CheckOperationsTimeout(theLock, ops, patience) {
	case porcupine.Illegal:
		r.foundf("overlap", id, "%s", firstOverlap(calls, life))
	case porcupine.Unknown:
		r.foundf("overlap", id, "not proved within %s: %d calls", patience, len(calls))
	case porcupine.Ok:
	}
}

// firstOverlap names the calls, for who reads the report.
func firstOverlap(calls []Call, life *lives) string {
	for i, a := range calls {
		for _, b := range calls[i+1:] {
			if d := life.end(a) - b.Asked; d > 0 {
				return a.String() + " was at work " + time.Duration(d).String() + " after " + b.String() + " had begun"
			}
		}
	}
	return "its calls overlap"
}
