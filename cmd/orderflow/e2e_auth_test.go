package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
		if strings.Contains(p.Log(), secret) {
			t.Errorf("the log holds the token %s", secret)
		}
	}
}

// TestE2E_Auth_reload changes the tokens of a node that runs.
func TestE2E_Auth_reload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(tokens, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(tokens, mode); err != nil {
			t.Fatal(err)
		}
	}
	const first, second = "first-0123456789abc", "second-0123456789abc"
	write("customer:"+first+"\n", 0o644)
	p := start(t, filepath.Join(dir, "orders.db"), "--auth-file", tokens)
	if !strings.Contains(p.Log(), "every user of this machine can read the tokens") {
		t.Error("nobody is warned of a token file that everybody can read")
	}
	for _, c := range []struct{ text, says, opens, closed string }{
		{"customer:short\n", "the tokens from before hold on", first, second},
		{"customer:" + second + "\n", "the token file was read anew", second, first},
	} {
		write(c.text, 0o600)
		p.signal(syscall.SIGHUP)
		p.untilSays(c.says)
		for token, want := range map[string]int{c.opens: http.StatusOK, c.closed: http.StatusUnauthorized} {
			on := p.api()
			on.token = token
			if status, _, body := on.call(http.MethodGet, "/v1/orders", ""); status != want {
				t.Errorf("with %q in the file, %s gets %d %s, want %d", c.text, token, status, body, want)
			}
		}
	}
}
