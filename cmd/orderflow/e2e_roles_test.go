package main

import (
	"net/http"
	"testing"
	"time"
)

// TestE2E_Roles has each role in a process of its own.
func TestE2E_Roles(t *testing.T) { onEachDatabase(t, testRoles) }

func testRoles(t *testing.T, db string) {
	api := start(t, db, "--roles", "api", "--node-id", "front")
	worker := start(t, db, "--roles", "worker", "--no-migrate", "--step-duration", "20ms", "--step-failure-rate", "0")
	projector := start(t, db, "--roles", "projector")
	if worker.Listen != "" || projector.Listen != "" {
		t.Errorf("nodes without the role api listen on %q and %q", worker.Listen, projector.Listen)
	}
	placed := api.api().place(5)
	api.untilEnded(len(placed))
	for _, o := range placed {
		events, failed := api.api().checkHistory(o)
		api.api().checkDetail(o, events, failed)
		for _, e := range events {
			if e.Type == "StepStarted" && e.Node != worker.Node {
				t.Errorf("order %s: a step was run by node %s, which is no worker", o.id, e.Node)
			}
		}
	}
	for _, p := range []*spawned{api, worker, projector} {
		for _, path := range []string{"/readyz", "/Watchdog_Selfclosure", "/Watchdog_External"} {
			p.untilCheck(path, http.StatusOK, "")
		}
	}
	s := api.stat()
	if s.Slots != 0 {
		t.Errorf("a node without the role worker has %d slots", s.Slots)
	}
	if age := time.Since(s.HeartbeatAt); age < 0 || age > patience {
		t.Errorf("the last heartbeat is told to be at %s, %s ago", s.HeartbeatAt, age)
	}
}
