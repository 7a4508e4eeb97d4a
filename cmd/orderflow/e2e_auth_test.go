package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestE2E_Auth runs a node with tokens.
func TestE2E_Auth(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const customer, operator, auditor = "customer-0123456789", "operator-0123456789", "auditor-01234567890"
	tokens := filepath.Join(dir, "tokens")
	if err := os.WriteFile(tokens, []byte("# tokens\ncustomer:"+customer+"\noperator:"+operator+"\nauditor:"+auditor+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, filepath.Join(dir, "orders.db"), "--auth-file", tokens, "--step-duration", "10ms", "--log-level", "trace")
	for _, c := range []struct {
		name, token, method, path, body string
		admin                           bool
		want                            int
	}{
		{name: "nobody places", method: "POST", path: "/v1/orders", body: `{}`, want: 401},
		{name: "a stranger places", token: "stranger-0123456789", method: "POST", path: "/v1/orders", body: `{}`, want: 401},
		{name: "a customer places", token: customer, method: "POST", path: "/v1/orders", body: `{}`, want: 202},
		{name: "a customer lists", token: customer, method: "GET", path: "/v1/orders", want: 200},
		{name: "an auditor lists", token: auditor, method: "GET", path: "/v1/orders", want: 200},
		{name: "an auditor places", token: auditor, method: "POST", path: "/v1/orders", body: `{}`, want: 403},
		{name: "nobody asks how a node is", method: "GET", path: "/command/stat", admin: true, want: 401},
		{name: "a customer stops a node", token: customer, method: "POST", path: "/command/stop", admin: true, want: 403},
		{name: "an operator asks how a node is", token: operator, method: "GET", path: "/command/stat", admin: true, want: 200},
		{name: "anybody asks whether it lives", method: "GET", path: "/livez", admin: true, want: 200},
	} {
		on := p.api()
		if c.admin {
			on = p.admin()
		}
		on.token = c.token
		status, header, body := on.call(c.method, c.path, c.body)
		if status != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, status, body, c.want)
		}
		if c.want == http.StatusUnauthorized && header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: there is no WWW-Authenticate", c.name)
		}
	}
	for _, secret := range []string{customer, operator, auditor} {
		if strings.Contains(p.log.String(), secret) {
			t.Errorf("the log holds the token %s", secret)
		}
	}
}
