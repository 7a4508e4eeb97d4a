package judge

import (
	"testing"
	"time"
)

func TestJudge_good(t *testing.T) {
	r := good().judge()
	wantKinds(t, r)
	if r.Orders != 3 || r.Status["Completed"] != 2 || r.Status["Failed"] != 1 {
		t.Errorf("%d orders, %v", r.Orders, r.Status)
	}
	if len(r.TakeOvers) != 1 || r.TakeOver(1) < 3*time.Second || r.TakeOver(1) > 4*time.Second {
		t.Errorf("taken over after %v, want once and about 3 s", r.TakeOvers)
	}
}

// TestJudge_doctored holds that each kind of violation is found.
func TestJudge_doctored(t *testing.T) {
	for _, c := range []struct {
		name   string
		doctor func(w *world)
		kinds  []string
	}{
		{"an accepted order is not there", func(w *world) {
			w.Accepted = append(w.Accepted, Accepted{ID: "x", Tracking: "tx"})
		}, []string{"lost"}},
		{"an order is there twice", func(w *world) {
			w.Accepted[1].Tracking = w.Accepted[0].Tracking
		}, []string{"lost", "key"}},
		{"a second answer names an order that is not there", func(w *world) {
			w.Accepted = append(w.Accepted, Accepted{ID: "x", Tracking: w.Accepted[0].Tracking})
		}, []string{"lost", "key"}},
		{"one idempotency key was answered with two orders", func(w *world) {
			w.Accepted[0].Key, w.Accepted[1].Key = "k", "k"
		}, []string{"key"}},
		{"one tracking id is in the log twice", func(w *world) {
			w.place()
			w.Events[len(w.Events)-1].Data = w.Events[0].Data
			w.rehash()
			w.complete(1, stepNames[:]...)
			w.Accepted = w.Accepted[:3]
		}, []string{"key"}},
		{"a key is reserved for an order that is not there", func(w *world) {
			w.Reserved = append(w.Reserved, [16]byte{9})
		}, []string{"key"}},
		{"an order has not ended", func(w *world) { w.place() }, []string{"lost"}},
		{"work is left over", func(w *world) { w.Left["inflight"] = 1 }, []string{"lost"}},
		{"a letter without an order", func(w *world) { w.Letters = []string{"{}"} }, []string{"lost"}},
		{"an alarm", func(w *world) {
			w.Alarms = []Alarm{{Code: "node_lost", Subject: "n1"}, {Code: "order_stuck", Subject: "order 1"}}
		}, []string{"alarm"}},
		{"a call never came back", func(w *world) { w.Incidents = nil }, []string{"lost", "overlap"}},
		{"a hole in the positions", func(w *world) { w.Events[5].Position += 1000 }, []string{"log"}},
		{"an event is gone", func(w *world) { w.Events = w.Events[:len(w.Events)-1] }, []string{"log", "lost"}},
		{"a byte was altered", func(w *world) { w.Events[0].Data = `{"tracking_id":"t1","detail":{"n":2}}` }, []string{"log"}},
		{"a time runs backwards", func(w *world) {
			w.Events[3].RecordedAt = time.Unix(0, 0).UTC()
		}, []string{"log"}},
		{"two attempts are open", func(w *world) {
			w.place()
			w.event("StepStarted", step("Scheduling", 1, 1))
			w.event("StepStarted", step("Scheduling", 2, 2))
			w.call("execute", "Scheduling", 2, 2, "")
			w.event("StepCompleted", step("Scheduling", 2, 2))
			w.complete(3, stepNames[1:]...)
		}, []string{"history"}},
		{"a fenced-out node was heard", func(w *world) {
			w.place()
			w.event("StepStarted", step("Scheduling", 1, 1))
			w.call("execute", "Scheduling", 1, 1, "")
			w.event("StepInterrupted", step("Scheduling", 1, 1))
			w.event("StepCompleted", step("Scheduling", 1, 1))
			w.complete(1, stepNames[1:]...)
		}, []string{"history", "order"}},
		{"an event after the end", func(w *world) { w.event("StepStarted", step("Scheduling", 9, 1)) }, []string{"history"}},
		{"parked", func(w *world) {
			w.place()
			w.event("OrderParked", `{}`)
			w.Letters = []string{"{}"}
		}, []string{"history"}},
		{"a rollback that skips a step", func(w *world) {
			w.place()
			w.run("Scheduling", 1, 1, "StepCompleted")
			w.run("PreProcessing", 1, 2, "StepFailed")
			w.undo("PreProcessing")
			w.event("OrderFailed", `{}`)
		}, []string{"rollback"}},
		{"a rollback in the wrong order", func(w *world) {
			w.place()
			w.run("Scheduling", 1, 1, "StepCompleted")
			w.run("PreProcessing", 1, 2, "StepFailed")
			w.undo("Scheduling")
			w.undo("PreProcessing")
			w.event("OrderFailed", `{}`)
		}, []string{"rollback", "order"}},
		{"a rollback that stops", func(w *world) {
			w.place()
			w.run("Scheduling", 1, 1, "StepFailed")
		}, []string{"rollback"}},
		{"two executors at one instant", func(w *world) {
			w.Calls[1].Asked -= 50 * ms
			w.Calls[1].Began -= 50 * ms
		}, []string{"overlap"}},
		{"an executor at work after a pause", func(w *world) {
			w.place()
			w.event("StepStarted", step("Scheduling", 1, 8))
			i := w.call("execute", "Scheduling", 1, 8, "")
			w.Incidents = append(w.Incidents, Incident{At: w.now - 50*ms, What: "stop", PID: 8}, Incident{At: w.now + 5000*ms, What: "cont", PID: 8})
			w.Calls[i].Until, w.Calls[i].Ended = w.now+5001*ms, w.now+5001*ms
			w.now += 2000 * ms
			w.event("StepInterrupted", step("Scheduling", 1, 8))
			w.complete(2, stepNames[:]...)
		}, []string{"overlap"}},
		{"an outcome without its work", func(w *world) {
			w.place()
			w.event("StepStarted", step("Scheduling", 1, 1))
			w.event("StepCompleted", step("Scheduling", 1, 1))
			w.complete(1, stepNames[1:]...)
		}, []string{"order"}},
		{"an outcome that the executor did not give", func(w *world) { w.Calls[0].Error = "no steel" }, []string{"order"}},
		{"work after its turn", func(w *world) {
			w.place()
			w.complete(1, stepNames[:]...)
			w.call("execute", "Processing", 2, 2, "")
		}, []string{"order"}},
		{"a compensation of what was compensated", func(w *world) {
			w.stream = 2
			w.call("compensate", "Scheduling", 3, 2, "")
		}, []string{"order"}},
		{"a view that lags", func(w *world) {
			w.project()
			v := w.Views[[16]byte{15: 1}]
			v.Version--
			w.Views[[16]byte{15: 1}] = v
		}, []string{"view"}},
		{"a view with another step", func(w *world) {
			w.project()
			v := w.Views[[16]byte{15: 1}]
			v.Steps = w.Views[[16]byte{15: 2}].Steps
			w.Views[[16]byte{15: 1}] = v
		}, []string{"view"}},
		{"no view", func(w *world) {
			w.project()
			delete(w.Views, [16]byte{15: 1})
		}, []string{"view"}},
		{"a take-over that took long", (*world).takenOverLate, []string{"take-over"}},
		{"a take-over from two owners that were lost", func(w *world) { w.takenOver(3, 19) }, nil},
		{"a late take-over from two owners that were lost", func(w *world) { w.takenOver(3, 21) }, []string{"take-over"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := good()
			c.doctor(w)
			r := w.judge()
			wantKinds(t, r, c.kinds...)
		})
	}
}

// takenOverLate has the work of a lost process taken up 12 s later.
func (w *world) takenOverLate() { w.takenOver(2, 12) }

// takenOver has the work of a lost process taken up by an attempt, so many seconds later.
func (w *world) takenOver(attempt int, seconds int64) {
	w.place()
	w.event("StepStarted", step("Scheduling", 1, 9))
	i := w.call("execute", "Scheduling", 1, 9, "")
	w.Calls[i].Until, w.Calls[i].Ended = 0, 0
	w.Incidents = append(w.Incidents, Incident{At: w.now, What: "gone", PID: 9})
	w.now += seconds * 1000 * ms
	w.event("StepInterrupted", step("Scheduling", 1, 9))
	w.run("Scheduling", attempt, 1, "StepCompleted")
	w.complete(1, stepNames[1:]...)
}

// TestJudge_noLimit tells how late a take-over was and blames nobody.
func TestJudge_noLimit(t *testing.T) {
	w := good() // has one after 3 s
	w.takenOverLate()
	w.project()
	r := Judge(w.Evidence, Config{})
	wantKinds(t, r)
	if a, b, c := r.Later(time.Second), r.Later(10*time.Second), r.Later(time.Minute); a != 2 || b != 1 || c != 0 {
		t.Errorf("later than 1 s, 10 s and 1 min: %d, %d, %d; want 2, 1, 0", a, b, c)
	}
}

// TestJudge_away does not count the time that the database was away.
func TestJudge_away(t *testing.T) {
	w := newWorld()
	w.place()
	w.event("StepStarted", step("Scheduling", 1, 9))
	i := w.call("execute", "Scheduling", 1, 9, "")
	w.Calls[i].Until, w.Calls[i].Ended = 0, 0
	w.Incidents = append(w.Incidents, Incident{At: w.now, What: "gone", PID: 9}, Incident{At: w.now, To: w.now + 9000*ms, What: "away"})
	w.now += 12_000 * ms
	w.event("StepInterrupted", step("Scheduling", 1, 9))
	w.complete(2, stepNames[:]...)
	r := w.judge()
	wantKinds(t, r)
	if r.TakeOver(1) > 4*time.Second {
		t.Errorf("taken over after %s, want about 3 s", r.TakeOver(1))
	}
}
