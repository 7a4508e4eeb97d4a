package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/internal/chaos/judge"
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

// TestLoad_together holds that at every node two customers place an order under one key, of
// either kind, and that all their answers are kept.
func TestLoad_together(t *testing.T) {
	var mu sync.Mutex
	asked := map[[3]string]int{} // node, tracking id, key
	node := func(name string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body struct {
				Tracking string `json:"tracking_id"`
			}
			_ = json.NewDecoder(r.Body).Decode(&body)
			mu.Lock()
			defer mu.Unlock()
			asked[[3]string{name, body.Tracking, r.Header.Get("Idempotency-Key")}]++
			w.WriteHeader(http.StatusAccepted)
			_, _ = fmt.Fprint(w, `{"order_id": "x"}`)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	nodes := []string{node("a"), node("b")}
	l, err := New(Config{
		Rate: 100, Out: filepath.Join(t.TempDir(), "accepted.jsonl"), Prefix: "t", Together: 2,
		Targets: func() []string { return nodes }, Detail: func(int) string { return `{}` },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	l.Run(ctx)
	for _, want := range [][3]string{{"a", "t-0", ""}, {"b", "t-0", ""}, {"a", "", "t-2"}, {"b", "", "t-2"}} {
		if asked[want] != 2 {
			t.Errorf("%q was asked for %d times, want twice", want, asked[want])
		}
	}
	if n := asked[[3]string{"a", "t-1", ""}] + asked[[3]string{"b", "t-1", ""}]; n != 1 {
		t.Errorf("t-1 was asked for %d times, want once", n)
	}
	answers := map[string]int{}
	for _, a := range l.Accepted() {
		answers[a.Tracking+a.Key]++
	}
	if answers["t-0"] != 4 || answers["t-1"] != 1 || answers["t-2"] != 4 {
		t.Errorf("answers kept: %v, want 4 each of t-0 and t-2, and one of t-1", answers)
	}
}

// TestLoad holds that every order is placed until it is accepted, once, and kept.
func TestLoad(t *testing.T) {
	s := &shop{orders: map[string]int{}}
	server := httptest.NewServer(s)
	defer server.Close()
	out := filepath.Join(t.TempDir(), "accepted.jsonl")
	l, err := New(Config{
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

// TestLoad_operators: of the orders that are drawn, each is cancelled until an operator is heard, and some are placed anew
// once they have ended.
func TestLoad_operators(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch asked[r.URL.Path]++; {
		case asked[r.URL.Path] == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case asked[r.URL.Path] == 2 && strings.HasSuffix(r.URL.Path, "/retry"):
			w.WriteHeader(http.StatusConflict)
		default:
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	defer admin.Close()
	s := &shop{orders: map[string]int{}}
	server := httptest.NewServer(s)
	defer server.Close()
	l, err := New(Config{
		Rate: 100, Out: filepath.Join(t.TempDir(), "accepted.jsonl"), Prefix: "t", Targets: func() []string { return []string{server.URL} },
		Detail:    func(int) string { return `{}` },
		Operators: Operators{Cancel: 1, Seed: 1, Within: time.Millisecond, Admins: func() []string { return []string{admin.URL} }},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	l.Run(ctx)
	levers, n := l.Levers(), len(l.Accepted())
	if levers["cancel 503"] != n || levers["cancel 202"] != n || levers["retry 202"] == 0 || levers["retry 202"] >= n || levers["retry 409"] != levers["retry 202"] {
		t.Errorf("of %d orders: %v; want each cancelled, and some placed anew", n, levers)
	}
	if wrong := l.Wrong(); len(wrong) != 1 { // that to t-3
		t.Errorf("wrong answers: %q", wrong)
	}
}
