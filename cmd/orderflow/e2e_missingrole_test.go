package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestE2E_MissingRole: a role that no live node has is said wherever somebody may look, and
// no more when there is one.
func TestE2E_MissingRole(t *testing.T) { onEachDatabase(t, testMissingRole) }

func testMissingRole(t *testing.T, db string) {
	// Without the watchdog, whose alarm says the same in a second line.
	p := start(t, db, "--roles", "api,worker", "--step-duration", "10ms", "--step-failure-rate", "0", "--watchdog-every", "0s")
	p.api().place(3)
	eventually(t, func() (bool, string) {
		s := p.stat()
		return len(s.MissingRoles) == 1 && s.MissingRoles[0] == "projector" && s.Lag != nil && *s.Lag >= 3, fmt.Sprintf("stat says %+v", s)
	})
	p.untilMetric(`orderflow_role_missing{role="projector"} 1`)
	p.untilMetric(`orderflow_role_missing{role="worker"} 0`)
	if r := orderflow(t, "nodes", "list", "--dsn", db); r.code != exitDone || !strings.Contains(r.stderr, "no live node has the role projector") {
		t.Errorf("nodes list: %+v", r)
	}
	for _, args := range [][]string{{"status"}, {"verify", "--quiet"}} {
		args = append([]string{"projections"}, append(args, "--dsn", db)...)
		must(t, args...)
		must(t, append(args, "--max-lag", "100000")...)
		if r := orderflow(t, append(args, "--max-lag", "2")...); r.code != exitFailed || !strings.Contains(r.stderr, "events behind") {
			t.Errorf("%v with views that are behind: %+v", args, r)
		}
	}

	start(t, db, "--roles", "projector", "--watchdog-every", "0s")
	eventually(t, func() (bool, string) {
		s := p.stat()
		return len(s.MissingRoles) == 0 && s.Lag != nil && *s.Lag == 0, fmt.Sprintf("stat says %+v", s)
	})
	p.untilMetric(`orderflow_role_missing{role="projector"} 0`)
	p.untilMetric(`orderflow_projection_lag_events 0`)
	must(t, "projections", "status", "--dsn", db, "--max-lag", "0")
	for _, text := range []string{"no live node has the role projector", "a live node has the role projector again"} {
		if n := strings.Count(p.Log(), text); n != 1 {
			t.Errorf("the log says %d times %q, want once", n, text)
		}
	}
}

// untilMetric waits until a line is among the metrics.
func (p *spawned) untilMetric(line string) {
	p.t.Helper()
	eventually(p.t, func() (bool, string) {
		_, _, body := p.admin().call(http.MethodGet, "/metrics", "")
		return strings.Contains(string(body), "\n"+line+"\n"), "there is no " + line
	})
}
