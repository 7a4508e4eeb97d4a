package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// What follows reads answers of the API as a stranger would: by the contract, with none
// of the program's own types.

var stepNames = []string{"Scheduling", "PreProcessing", "Processing", "PostProcessing"}

// event is an event as the API gives it.
type event struct {
	Position   int64           `json:"position"`
	Partition  int             `json:"partition"`
	Version    int             `json:"version"`
	Type       string          `json:"type"`
	Data       json.RawMessage `json:"data"`
	Metadata   json.RawMessage `json:"metadata"`
	RecordedAt string          `json:"recorded_at"`
	Hash       string          `json:"hash"`
	stepData
	at time.Time
}

// stepData is what the data of a step's event has.
type stepData struct {
	Step    string `json:"step"`
	Attempt int    `json:"attempt"`
	Node    string `json:"node"`
	Error   string `json:"error"`
	Reason  string `json:"reason"`
}

// history is the events of an order, checked for versions and hashes.
func (c client) history(id string) []event {
	c.t.Helper()
	var events []event
	body := c.get("/v1/orders/"+id+"/events", &events)
	for i := range events {
		e := &events[i]
		if err := json.Unmarshal(e.Data, &e.stepData); err != nil {
			c.t.Fatalf("order %s, event %d: %v", id, i+1, err)
		}
		var err error
		if e.at, err = time.Parse("2006-01-02T15:04:05.000000Z", e.RecordedAt); err != nil {
			c.t.Errorf("order %s, event %d: recorded_at: %v", id, i+1, err)
		}
		if e.Version != i+1 || i > 0 && (e.at.Before(events[i-1].at) || e.Position <= events[i-1].Position) {
			c.t.Errorf("order %s: event %d is out of order: %s", id, i+1, body)
		}
	}
	checkChain(c.t, id, events)
	return events
}

// checkChain recomputes the hashes by docs/audit.md.
func checkChain(t *testing.T, id string, events []event) {
	t.Helper()
	stream, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil {
		t.Fatal(err)
	}
	number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	previous := make([]byte, sha256.Size)
	for _, e := range events {
		var text []byte
		for _, field := range [][]byte{
			[]byte("orderflow-event-v1"), previous, stream, number(int64(e.Partition)), number(e.Position), number(int64(e.Version)),
			[]byte(e.Type), []byte(e.RecordedAt), e.Data, e.Metadata,
		} {
			text = append(append(text, number(int64(len(field)))...), field...)
		}
		sum := sha256.Sum256(text)
		if hex.EncodeToString(sum[:]) != e.Hash {
			t.Errorf("order %s, event %d: the hash is %s, computed %x", id, e.Version, e.Hash, sum)
		}
		previous = sum[:]
	}
}

// told is the history as short words, such as "StepStarted Scheduling 1".
func told(events []event) []string {
	var words []string
	for _, e := range events {
		word := e.Type
		if strings.HasPrefix(e.Type, "Step") {
			word = fmt.Sprintf("%s %s %d", e.Type, e.Step, e.Attempt)
		}
		words = append(words, word)
	}
	return words
}

// wantHistory is the only history, without interruptions, of an order whose failing-th
// step fails; 4 for none.
func wantHistory(failing int) []string {
	want := []string{"OrderPlaced"}
	for i, step := range stepNames {
		want = append(want, "StepStarted "+step+" 1")
		if i == failing {
			want = append(want, "StepFailed "+step+" 1")
			for j := i; j >= 0; j-- {
				want = append(want, "StepRolledBack "+stepNames[j]+" 1")
			}
			return append(want, "OrderFailed")
		}
		want = append(want, "StepCompleted "+step+" 1")
	}
	return append(want, "OrderCompleted")
}

// checkHistory holds an order that nothing interrupted against its only possible
// history, and gives the number of the step that failed; 4 for none.
func (c client) checkHistory(o order) (events []event, failed int) {
	c.t.Helper()
	events = c.history(o.id)
	failed = slices.IndexFunc(events, func(e event) bool { return e.Type == "StepFailed" })
	if failed < 0 {
		failed = len(stepNames)
	} else {
		failed = slices.Index(stepNames, events[failed].Step)
	}
	if got, want := told(events), wantHistory(failed); !slices.Equal(got, want) {
		c.t.Errorf("order %s:\n got %q\nwant %q", o.id, got, want)
	}
	var placed struct {
		TrackingID string          `json:"tracking_id"`
		Detail     json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(events[0].Data, &placed); err != nil || placed.TrackingID != o.tracking || !bytes.Equal(placed.Detail, []byte(o.detail)) {
		c.t.Errorf("order %s: OrderPlaced has %s, want %s and %s (err %v)", o.id, events[0].Data, o.tracking, o.detail, err)
	}
	return events, failed
}

// checkNoOverlap says whether no attempt began before the one before it had ended.
func checkNoOverlap(t *testing.T, id string, events []event) {
	t.Helper()
	open := ""
	for _, e := range events {
		name := fmt.Sprintf("%s %d", e.Step, e.Attempt)
		switch e.Type {
		case "StepStarted":
			if open != "" {
				t.Errorf("order %s, event %d: %s starts while %s is open: %q", id, e.Version, name, open, told(events))
			}
			open = name
		case "StepCompleted", "StepFailed", "StepInterrupted":
			if open != name {
				t.Errorf("order %s, event %d: %s ends, but open is %q: %q", id, e.Version, name, open, told(events))
			}
			open = ""
		}
	}
	if open != "" {
		t.Errorf("order %s has ended with %s open: %q", id, open, told(events))
	}
}
