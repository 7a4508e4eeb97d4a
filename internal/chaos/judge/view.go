package judge

import (
	"bytes"
	"encoding/json"
)

// view holds the projection's row of an order against its events.
func (r *Report) view(views map[[16]byte]View, events []Event, h *history) {
	id := events[0].Order()
	v, there := views[events[0].Stream]
	if !there {
		r.foundf("view", id, "there is none")
		return
	}
	if v.Version != len(events) || v.Status != h.status() {
		r.foundf("view", id, "it says version %d, %s; the events say %d, %s", v.Version, v.Status, len(events), h.status())
	}
	if v.Tracking != h.placed.Tracking || !bytes.Equal([]byte(v.Detail), h.placed.Detail) {
		r.foundf("view", id, "it says %q, %s; the events say %q, %s", v.Tracking, v.Detail, h.placed.Tracking, h.placed.Detail)
	}
	var steps []struct {
		Step    string `json:"step"`
		Status  string `json:"status"`
		Attempt int    `json:"attempt"`
		Node    string `json:"node"`
	}
	if err := json.Unmarshal([]byte(v.Steps), &steps); err != nil || len(steps) != len(stepNames) {
		r.foundf("view", id, "its steps cannot be read: %s", v.Steps)
		return
	}
	for i, s := range steps {
		if want := h.steps[i]; s.Step != stepNames[i] || s.Status != want.status || s.Attempt != want.attempt || s.Node != want.node {
			r.foundf("view", id, "step %d: it says %+v; the events say %+v", i+1, s, want)
		}
	}
}
