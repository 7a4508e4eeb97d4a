package judge

import (
	"testing"
	"time"
)

// TestJudge_requests: orders that operators ended, as they must be, and with something wrong.
func TestJudge_requests(t *testing.T) {
	const now = `{"reason":"r","now":true}`
	for name, c := range map[string]struct {
		history func(w *world)
		kinds   []string
	}{
		"pending":       {func(w *world) { w.event("OrderCancelRequested", `{}`); w.event("OrderCancelled", `{}`) }, nil},
		"between steps": {func(w *world) { w.run("Scheduling", 1, 1, "StepCompleted"); w.cancel(`{}`); w.undoAll("Scheduling") }, nil},
		"running":       {func(w *world) { w.runAsked("Scheduling"); w.undoAll("Scheduling") }, nil},
		"failed by itself": {func(w *world) {
			w.runAsked("Scheduling")
			w.Calls[len(w.Calls)-1].Error, w.Events[len(w.Events)-1].Type = "no", "StepFailed"
			w.rechain()
			w.undoAll("Scheduling")
		}, nil},
		"cut": {func(w *world) {
			w.run("Scheduling", 1, 1, "StepCompleted")
			w.event("StepStarted", step("PreProcessing", 1, 2))
			w.call("execute", "PreProcessing", 1, 2, "cut short")
			w.cancel(`{}`)
			w.cancel(now)
			w.event("StepInterrupted", step("PreProcessing", 1, 2))
			w.undoAll("PreProcessing", "Scheduling")
		}, nil},
		"parked and failed": {func(w *world) {
			w.event("OrderParked", `{}`)
			w.event("OrderFailRequested", `{}`)
			w.event("OrderFailed", `{}`)
		}, nil},
		"a new try": {func(w *world) {
			w.cancel(`{}`)
			w.event("OrderCancelled", `{}`)
			w.stream++
			w.event("OrderPlaced", `{"tracking_id":"t4","detail":{"n":1},"retry_of":"x"}`)
			w.complete(1, stepNames[:]...)
		}, nil},
		"it goes on": {func(w *world) {
			w.run("Scheduling", 1, 1, "StepCompleted")
			w.cancel(`{}`)
			w.run("PreProcessing", 1, 1, "StepCompleted")
			w.undoAll("PreProcessing", "Scheduling")
		},
			[]string{"history", "order", "rollback"}},
		"it completes":    {func(w *world) { w.runLast(); w.event("OrderCompleted", `{}`) }, []string{"history"}},
		"not compensated": {func(w *world) { w.runAsked("Scheduling"); w.event("OrderCancelled", `{}`) }, []string{"rollback"}},
		"not asked for":   {func(w *world) { w.event("OrderCancelled", `{}`) }, []string{"rollback"}},
		"asked twice":     {func(w *world) { w.cancel(`{}`); w.cancel(`{}`); w.event("OrderCancelled", `{}`) }, []string{"history"}},
		"failed instead":  {func(w *world) { w.cancel(`{}`); w.event("OrderFailed", `{}`) }, []string{"rollback"}},
		"not parked":      {func(w *world) { w.event("OrderFailRequested", `{}`); w.event("OrderFailed", `{}`) }, []string{"history"}},
		"it does not end": {func(w *world) { w.runAsked("Scheduling") }, []string{"rollback"}},
		"work after it": {func(w *world) {
			w.runAsked("Scheduling")
			w.undoAll("Scheduling")
			w.call("execute", "PreProcessing", 1, 1, "")
		}, []string{"order"}},
		"a step beside it": {func(w *world) {
			w.runAsked("Scheduling")
			w.undoAll("Scheduling")
			w.Calls[len(w.Calls)-1].Asked -= 60 * ms
			w.Calls[len(w.Calls)-1].Began -= 60 * ms
		}, []string{"overlap"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := good()
			w.place()
			c.history(w)
			wantKinds(t, w.judge(), c.kinds...)
		})
	}
}

// TestJudge_requestsTakenOver: a step whose node is lost while its order is to be cancelled is taken over by whoever records
// that, and then by whoever rolls the order back.
func TestJudge_requestsTakenOver(t *testing.T) {
	for seconds, kinds := range map[int64][]string{9: nil, 19: nil, 21: {"take-over"}} {
		w := good()
		w.place()
		w.event("StepStarted", step("Scheduling", 1, 9))
		i := w.call("execute", "Scheduling", 1, 9, "")
		w.Calls[i].Until, w.Calls[i].Ended = 0, 0
		w.Incidents = append(w.Incidents, Incident{At: w.now, What: "gone", PID: 9})
		w.cancel(`{}`)
		w.now += seconds * int64(time.Second)
		w.event("StepInterrupted", step("Scheduling", 1, 9))
		w.Events[len(w.Events)-1].Metadata = `{"attempt":3}` // the second owner was lost too
		w.rechain()
		w.undoAll("Scheduling")
		wantKinds(t, w.judge(), kinds...)
	}
}

func (w *world) cancel(data string) { w.event("OrderCancelRequested", data) }

// runAsked completes a step during which an operator asks for the end.
func (w *world) runAsked(name string) {
	w.event("StepStarted", step(name, 1, 1))
	w.cancel(`{}`)
	w.call("execute", name, 1, 1, "")
	w.event("StepCompleted", step(name, 1, 1))
}

// runLast does all steps, and an operator asks for the end during the last.
func (w *world) runLast() {
	for _, name := range stepNames[:3] {
		w.run(name, 1, 1, "StepCompleted")
	}
	w.runAsked(stepNames[3])
}

// undoAll rolls steps back and ends the order.
func (w *world) undoAll(names ...string) {
	for _, name := range names {
		w.undo(name)
	}
	w.event("OrderCancelled", `{}`)
}

// rechain makes the hash of the last event fit what was altered.
func (w *world) rechain() {
	last := &w.Events[len(w.Events)-1]
	for _, e := range w.Events {
		if e.Stream == last.Stream && e.Version == last.Version-1 {
			last.Hash = sum(e.Hash, *last)
		}
	}
	w.chains[last.Stream] = last.Hash
}
