package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestE2E_Completed is the promise of the README: orders placed over HTTP run through
// their steps and can be watched.
func TestE2E_Completed(t *testing.T) { onEachDatabase(t, testCompleted) }

func testCompleted(t *testing.T, db string) {
	const orders = 100
	p := start(t, db, "--step-duration", "200ms", "--step-failure-rate", "0")
	began := time.Now()
	placed := p.api().place(orders)
	p.untilEnded(orders)
	t.Logf("%d orders of 4 steps of 200 ms on 50 workers took %s", orders, time.Since(began).Round(10*time.Millisecond))
	for _, o := range placed {
		events, failed := p.api().checkHistory(o)
		if failed != len(stepNames) {
			t.Errorf("order %s failed", o.id)
		}
		p.api().checkDetail(o, events, failed)
	}
	p.checkPages(placed)
	p.checkRepeat(placed[0])
}

// TestE2E_RolledBack is the promise of the saga: what was done is undone in reverse.
func TestE2E_RolledBack(t *testing.T) { onEachDatabase(t, testRolledBack) }

func testRolledBack(t *testing.T, db string) {
	const orders = 100
	p := start(t, db, "--step-duration", "200ms", "--step-failure-rate", "0.3")
	placed := p.api().place(orders)
	p.untilEnded(orders)
	byStep := make([]int, len(stepNames)+1)
	for _, o := range placed {
		events, failed := p.api().checkHistory(o)
		p.api().checkDetail(o, events, failed)
		byStep[failed]++
	}
	t.Logf("failed at each step, and not at all: %v", byStep)
	for i, n := range byStep {
		// At 30 % each of these has a chance below 1 in 10,000 to be wrong.
		if n == 0 {
			t.Errorf("of %d orders none ended as number %d of %v", orders, i, byStep)
		}
	}
}

// checkDetail holds GET /v1/orders/{id} of an ended order against its events.
func (c client) checkDetail(o order, events []event, failed int) {
	c.t.Helper()
	body := c.get("/v1/orders/"+o.id, nil)
	want := wantDetail(o, events, failed)
	text, err := json.Marshal(want)
	if err != nil {
		c.t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		c.t.Fatal(err)
	}
	again, err := json.Marshal(got)
	if err != nil {
		c.t.Fatal(err)
	}
	if !bytes.Equal(again, text) {
		c.t.Errorf("order %s:\n got %s\nwant %s", o.id, again, text)
	}
}

// wantDetail is the contract: every key, null where there is nothing to say.
func wantDetail(o order, events []event, failed int) map[string]any {
	var detail any
	if err := json.Unmarshal([]byte(o.detail), &detail); err != nil {
		panic(err)
	}
	status := "Completed"
	if failed < len(stepNames) {
		status = "Failed"
	}
	want := map[string]any{
		"order_id": o.id, "tracking_id": o.tracking, "detail": detail, "status": status, "current_step": nil,
		"placed_at": events[0].RecordedAt, "started_at": events[1].RecordedAt,
		"completed_at": events[len(events)-1].RecordedAt, "version": len(events),
	}
	var steps []any
	for _, name := range stepNames {
		steps = append(steps, wantStep(name, events))
	}
	want["steps"] = steps
	return want
}

func wantStep(name string, events []event) map[string]any {
	s := map[string]any{
		"step": name, "status": "Pending", "attempt": 0, "node": nil,
		"started_at": nil, "completed_at": nil, "error": nil, "rolled_back_at": nil,
	}
	for _, e := range events {
		if e.Step != name {
			continue
		}
		switch e.Type {
		case "StepStarted":
			maps.Copy(s, map[string]any{"status": "Running", "attempt": e.Attempt, "node": e.Node, "started_at": e.RecordedAt})
		case "StepCompleted":
			maps.Copy(s, map[string]any{"status": "Completed", "completed_at": e.RecordedAt})
		case "StepFailed":
			maps.Copy(s, map[string]any{"status": "Failed", "completed_at": e.RecordedAt, "error": e.Error})
		case "StepRolledBack":
			maps.Copy(s, map[string]any{"status": "RolledBack", "rolled_back_at": e.RecordedAt})
		}
	}
	return s
}

// checkPages reads the list page by page: every order once, newest first.
func (p *spawned) checkPages(placed []order) {
	p.t.Helper()
	var ids []string
	last := ""
	for path := "/v1/orders?status=Completed&limit=40"; path != ""; {
		var page struct {
			Orders []struct {
				OrderID  string `json:"order_id"`
				PlacedAt string `json:"placed_at"`
			} `json:"orders"`
			NextCursor *string `json:"next_cursor"`
		}
		p.api().get(path, &page)
		for _, o := range page.Orders {
			if last != "" && o.PlacedAt > last {
				p.t.Errorf("order %s, placed at %s, comes after one placed at %s", o.OrderID, o.PlacedAt, last)
			}
			last = o.PlacedAt
			ids = append(ids, o.OrderID)
		}
		path = ""
		if page.NextCursor != nil {
			path = "/v1/orders?status=Completed&limit=40&cursor=" + *page.NextCursor
		}
	}
	want := make([]string, 0, len(placed))
	for _, o := range placed {
		want = append(want, o.id)
	}
	slices.Sort(ids)
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		p.t.Errorf("the pages hold %d orders, want these %d:\n got %q\nwant %q", len(ids), len(want), ids, want)
	}
}

// checkRepeat places an order again: the same content is the same order, other content
// is refused.
func (p *spawned) checkRepeat(o order) {
	p.t.Helper()
	again, err := p.api().placeOne(o.tracking, o.detail)
	if err != nil || again.id != o.id {
		p.t.Errorf("placing %s again gave %q (err %v), want %s", o.tracking, again.id, err, o.id)
	}
	status, _, body := p.api().call(http.MethodPost, "/v1/orders", fmt.Sprintf(`{"tracking_id": %q, "detail": "other"}`, o.tracking))
	if status != http.StatusConflict {
		p.t.Errorf("the same tracking id with other content: %d %s, want 409", status, body)
	}
}
