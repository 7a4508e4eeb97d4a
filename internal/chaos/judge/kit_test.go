package judge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// world is a history that nothing is wrong with, until a test doctors it.
type world struct {
	Evidence
	now    int64
	stream byte
	chains map[[16]byte][]byte

	projected bool // the views are as the test wants them
}

const ms = int64(time.Millisecond)

func newWorld() *world {
	w := &world{chains: map[[16]byte][]byte{}}
	w.Heads, w.Views, w.Left = map[int]int64{0: 0}, map[[16]byte]View{}, map[string]int{}
	return w
}

// event appends an event to the log, as the system would.
func (w *world) event(typ, data string) {
	stream := [16]byte{15: w.stream}
	version := 1
	for _, e := range w.Events {
		if e.Stream == stream {
			version = e.Version + 1
		}
	}
	w.Heads[0]++
	e := Event{Position: w.Heads[0], Stream: stream, Version: version, Type: typ, Data: data, Metadata: `{}`, RecordedAt: time.Unix(0, w.now).UTC().Truncate(time.Microsecond)}
	previous := w.chains[stream]
	if previous == nil {
		previous = make([]byte, 32)
	}
	e.Hash = sum(previous, e)
	w.chains[stream] = e.Hash
	w.Events = append(w.Events, e)
}

// rehash makes the hash of the last event, the first of its stream, fit what was altered.
func (w *world) rehash() {
	e := &w.Events[len(w.Events)-1]
	e.Hash = sum(make([]byte, 32), *e)
	w.chains[e.Stream] = e.Hash
}

func (w *world) id() string { return Event{Stream: [16]byte{15: w.stream}}.Order() }

// place begins a new order.
func (w *world) place() {
	w.stream++
	tracking := fmt.Sprint("t", w.stream)
	w.Accepted = append(w.Accepted, Accepted{ID: w.id(), Tracking: tracking, At: w.now})
	w.event("OrderPlaced", `{"tracking_id":"`+tracking+`","detail":{"n":1}}`)
}

// call has an executor called for 100 ms, and gives its number.
func (w *world) call(kind, step string, attempt, pid int, err string) int {
	w.now += 10 * ms
	c := Call{
		Kind: kind, Order: w.id(), Step: step, Attempt: attempt, Node: fmt.Sprint("n", pid), PID: pid,
		Asked: w.now, Began: w.now + ms, Until: w.now + 100*ms, Ended: w.now + 100*ms, Error: err,
	}
	w.now += 101 * ms
	w.Calls = append(w.Calls, c)
	return len(w.Calls) - 1
}

func step(name string, attempt, pid int) string {
	return fmt.Sprintf(`{"step":%q,"attempt":%d,"node":"n%d"}`, name, attempt, pid)
}

// run does a step that ends with an event.
func (w *world) run(name string, attempt, pid int, end string) {
	w.event("StepStarted", step(name, attempt, pid))
	err := ""
	if end == "StepFailed" {
		err = "no steel"
	}
	w.call("execute", name, attempt, pid, err)
	w.event(end, step(name, attempt, pid))
}

func (w *world) undo(name string) {
	w.call("compensate", name, 1, 2, "")
	w.event("StepRolledBack", step(name, 1, 2))
}

func (w *world) complete(attempt int, names ...string) {
	for _, name := range names {
		w.run(name, attempt, 1, "StepCompleted")
	}
	w.event("OrderCompleted", `{}`)
}

// good has an order that completed, one that was rolled back, and one whose first node
// was killed.
func good() *world {
	w := newWorld()
	w.place() // 1
	w.complete(1, stepNames[:]...)
	w.place() // 2
	w.run("Scheduling", 1, 1, "StepCompleted")
	w.run("PreProcessing", 1, 2, "StepFailed")
	w.undo("PreProcessing")
	w.undo("Scheduling")
	w.event("OrderFailed", `{}`)
	w.place() // 3
	w.event("StepStarted", step("Scheduling", 1, 7))
	lost := w.call("execute", "Scheduling", 1, 7, "")
	w.Calls[lost].Until, w.Calls[lost].Ended = 0, 0
	w.Incidents = append(w.Incidents, Incident{At: w.now, What: "gone", PID: 7})
	w.now += 3000 * ms
	w.event("StepInterrupted", step("Scheduling", 1, 7))
	w.complete(2, stepNames[:]...)
	return w
}

// project makes the views of what is in the log, unless the test has its own.
func (w *world) project() {
	var r Report
	if w.projected {
		return
	}
	w.projected = true
	for stream, events := range streamsOf(w.Events) {
		h := r.history("", events, true)
		var steps []string
		for i, s := range h.steps {
			steps = append(steps, fmt.Sprintf(`{"step":%q,"status":%q,"attempt":%d,"node":%q}`, stepNames[i], s.status, s.attempt, s.node))
		}
		w.Views[stream] = View{
			Version: len(events), Status: h.status(), Tracking: h.placed.Tracking, Detail: string(h.placed.Detail),
			Steps: "[" + strings.Join(steps, ",") + "]",
		}
	}
}

func (w *world) judge() Report {
	w.project()
	return Judge(w.Evidence, Config{TakeOver: 10 * time.Second})
}

// wantKinds holds which kinds of violation were found.
func wantKinds(t *testing.T, r Report, kinds ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(r.Kinds()))
	slices.Sort(kinds)
	if !slices.Equal(got, kinds) {
		t.Errorf("found %v, want %v:", got, kinds)
		for _, v := range r.Violations {
			t.Log(v)
		}
	}
}
