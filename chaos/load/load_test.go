package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"orderflow/chaos/judge"
)

// shop is a node that fails every second request and refuses one order.
type shop struct {
	mu     sync.Mutex
	asked  int
	orders map[string]int // answers 202 by tracking id
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body struct {
		Tracking string `json:"tracking_id"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.asked++
	switch {
	case body.Tracking == "t-3":
		w.WriteHeader(http.StatusConflict)
	case s.asked%2 == 0:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		s.orders[body.Tracking]++
		w.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprintf(w, `{"order_id": "id of %s"}`, body.Tracking)
	}
}

// TestLoad holds that every order is placed until it is accepted, once, and kept.
func TestLoad(t *testing.T) {
	s := &shop{orders: map[string]int{}}
	server := httptest.NewServer(s)
	defer server.Close()
	out := filepath.Join(t.TempDir(), "accepted.jsonl")
	l, err := New(Options{
		Rate: 100, Out: out, Prefix: "t", Targets: func() []string { return []string{server.URL} },
		Detail: func(int) string { return `{}` },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	l.Run(ctx)
	accepted := l.Accepted()
	if len(accepted) < 5 || len(accepted) != len(s.orders) {
		t.Errorf("%d were accepted, the shop has %d", len(accepted), len(s.orders))
	}
	for _, a := range accepted {
		if a.ID != "id of "+a.Tracking || s.orders[a.Tracking] != 1 {
			t.Errorf("%+v was accepted %d times", a, s.orders[a.Tracking])
		}
	}
	if wrong := l.Wrong(); len(wrong) != 1 {
		t.Errorf("wrong answers: %q, want that to t-3", wrong)
	}
	if kept, err := judge.ReadLines[judge.Accepted](out); err != nil || len(kept) != len(accepted) {
		t.Errorf("%d orders are in the file (%v), want %d", len(kept), err, len(accepted))
	}
	if a := l.Answers(); a[202] != len(accepted) || a[409] != 1 || a[503] == 0 {
		t.Errorf("answers %v", a)
	}
}
