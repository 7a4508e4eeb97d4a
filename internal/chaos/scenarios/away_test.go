package scenarios

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderflow/internal/chaos/boottime"
	"orderflow/internal/chaos/judge"
)

// TestDatabaseAway takes the database away (nobody can write to it) until the API has answered: nodes stop
// their steps in time and claim nothing, the API says 503 and when to come again, and all
// resumes by itself.
func TestDatabaseAway(t *testing.T) {
	const lease = 3 * time.Second
	s := begin(t, 3, "--heartbeat", "500ms", "--lease-ttl", lease.String(), "--workers", "8", "--step-duration", "2s", "--step-failure-rate", "0.05", "--max-interruptions", "20")
	s.start(0, 1, 2)
	l := s.customers("away", 2)
	s.untilCalled(6)

	conn, err := s.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	from := boottime.Now()
	resp := s.ask(s.Nodes[0].API())
	s.eventually(func() (bool, string) {
		for _, c := range s.calls() {
			if c.Until == 0 {
				return false, fmt.Sprintf("%s is still at work", c)
			}
		}
		return time.Duration(boottime.Now()-from) > 2*lease, "the database is to be away for two leases"
	})
	to := boottime.Now()
	if _, err := conn.ExecContext(context.WithoutCancel(t.Context()), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	s.Record(judge.Incident{At: from, To: to, What: "away", Why: "lock"})
	_ = conn.Close()

	if resp.status != http.StatusServiceUnavailable || resp.retryAfter == "" {
		t.Errorf("the API answered %d after %s, Retry-After %q; want 503 and when to come again", resp.status, resp.took, resp.retryAfter)
	}
	for _, c := range s.calls() {
		if until := time.Duration(c.Until - from); c.Until > 0 && c.Until < to && until > lease {
			t.Errorf("%s was at work %s after the database had gone, want %s at most", c, until, lease)
		}
		if asked := time.Duration(c.Asked - from); asked > time.Second && c.Asked < to {
			t.Errorf("%s began %s after the database had gone", c, asked)
		}
	}
	s.untilCalled(6)
	s.stop()
	r := s.settle(l.Accepted())
	t.Logf("%v, answers %v, one waited for: %+v; no order lay still for longer than %s beside the time away", r.Status, l.Answers(), resp, r.Longest)
	for _, what := range append(s.Surprises(), l.Wrong()...) {
		t.Error(what)
	}
}

// answered is what the API said, and when.
type answered struct {
	status     int // 0 for no answer
	retryAfter string
	took       time.Duration
}

// ask places an order.
func (s *scene) ask(api string) answered {
	began := time.Now()
	client := http.Client{Timeout: patience}
	resp, err := client.Post(api+"/v1/orders", "application/json", strings.NewReader(`{"tracking_id":"asked"}`))
	if err != nil {
		return answered{took: time.Since(began)}
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return answered{resp.StatusCode, resp.Header.Get("Retry-After"), time.Since(began)}
}
