package main

import (
	"net/http"
	"path/filepath"
	"testing"
)

// TestE2E_hosts: a node without tokens answers to its own names, and to no other that leads to it.
func TestE2E_hosts(t *testing.T) {
	t.Parallel()
	p := start(t, filepath.Join(t.TempDir(), "orders.db"), "--allowed-hosts", "orders.example.org")
	for _, c := range []struct {
		at, host string
		want     int
	}{
		{p.Listen + "/v1/orders", "orders.example.org", http.StatusOK},
		{p.Listen + "/v1/orders", "localhost:1", http.StatusOK},
		{p.Listen + "/v1/orders", "evil.example", http.StatusMisdirectedRequest},
		{p.Admin + "/livez", "orders.example.org:8765", http.StatusOK},
		{p.Admin + "/livez", "evil.example", http.StatusMisdirectedRequest},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.at, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		resp, err := requests.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != c.want {
			t.Errorf("%s as %s: %d, want %d", c.at, c.host, resp.StatusCode, c.want)
		}
	}
	if status, _, answer := p.admin().call(http.MethodPost, "/command/stop", ""); status != http.StatusAccepted {
		t.Errorf("stop: %d %s", status, answer)
	}
}
