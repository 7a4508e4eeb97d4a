package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestHealthcheckCmd_Run(t *testing.T) {
	status := http.StatusOK
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("asked %s, want /readyz", r.URL.Path)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte("the database is away"))
	}))
	c := &healthcheckCmd{Admin: strings.TrimPrefix(node.URL, "http://"), Timeout: 5 * time.Second}
	if err := c.Run(t.Context()); err != nil {
		t.Errorf("a node that is ready: %v", err)
	}
	status = http.StatusServiceUnavailable
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "the database is away") {
		t.Errorf("a node that is not ready: %v, want what it said", err)
	}
	node.Close()
	if err := c.Run(t.Context()); err == nil {
		t.Error("a node that does not answer is taken for ready")
	}
}

func TestHealthcheckCmd_Validate(t *testing.T) {
	for admin, ok := range map[string]bool{"127.0.0.1:8765": true, ":8765": true, "[::]:8765": true, "8765": false, "host:0": false, "": false} {
		if err := (&healthcheckCmd{Admin: admin}).Validate(); (err == nil) != ok {
			t.Errorf("%q: %v, want accepted: %v", admin, err, ok)
		}
	}
	for listen, ask := range map[string]string{":8765": "127.0.0.1:8765", "0.0.0.0:1": "127.0.0.1:1", "[::]:1": "127.0.0.1:1", "10.0.0.1:1": "10.0.0.1:1"} {
		if got := reachable(listen); got != ask {
			t.Errorf("%q is asked at %q, want %q", listen, got, ask)
		}
	}
}
