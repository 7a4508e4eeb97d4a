package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/transport/httpapi"
)

const (
	customerToken = "customer-0123456789"
	operatorToken = "operator.0123456789"
	auditorToken  = "auditor~0123456789=="
	secondToken   = "customer+/9876543210"
)

const tokens = `
# the tokens of these tests
customer:` + customerToken + `
 operator : ` + operatorToken + `
auditor:` + auditorToken + `
customer:` + secondToken + "\n"

func mustAuth(t *testing.T) *httpapi.Auth {
	t.Helper()
	a, err := httpapi.ReadAuth(strings.NewReader(tokens))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (q request) as(token string) request { return q.with("Authorization", "Bearer "+token) }

func missingToken(instance string) (string, problem) {
	return instance, problem{"unauthenticated", "A token is needed", 401, "this needs a token: send the header Authorization: Bearer TOKEN", nil}
}

func notYours(role string, allowed ...string) problem {
	return problem{
		"forbidden", "The token's role may not do this", 403, "the token has the role " + role + ", which may not do this",
		map[string]any{"role": role, "roles": allowed},
	}
}

// wantRoles makes a request without a token and with one of each role.
func wantRoles(t *testing.T, h http.Handler, q request, allowed ...string) {
	t.Helper()
	w := do(t, h, q)
	instance, want := missingToken(q.path)
	wantProblem(t, w, instance, want)
	wantHeader(t, w, "WWW-Authenticate", `Bearer realm="orderflow"`)
	for role, token := range map[string]string{"customer": customerToken, "operator": operatorToken, "auditor": auditorToken} {
		w := do(t, h, q.as(token))
		if strings.Contains(strings.Join(allowed, " "), role) {
			if w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden {
				t.Errorf("%s %s as %s: %d", q.method, q.path, role, w.Code)
			}
			continue
		}
		wantProblem(t, w, q.path, notYours(role, allowed...))
		wantHeader(t, w, "WWW-Authenticate", `Bearer realm="orderflow", error="insufficient_scope"`)
	}
}

func TestAuth_roles(t *testing.T) {
	auth := mustAuth(t)
	api := newRig(func(c *httpapi.APIConfig) { c.Auth = auth })
	api.views.view = failedOrder()
	wantRoles(t, api, post(`{}`), "customer", "operator")
	readers := []string{"customer", "operator", "auditor"}
	wantRoles(t, api, request{path: orders}, readers...)
	wantRoles(t, api, request{path: "/v1/orders/" + theID}, readers...)
	wantRoles(t, api, request{path: "/v1/orders/" + theID + "/events"}, readers...)

	node := &fakeNode{}
	admin := newAdmin(node, func(c *httpapi.AdminConfig) { c.Auth = auth })
	for _, path := range []string{"/v1/orders/" + theID + "/diagnosis", "/Watchdog_Selfclosure", "/Watchdog_External", "/command/stat", "/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/symbol"} {
		wantRoles(t, admin, request{path: path}, "operator")
	}
	wantRoles(t, admin, request{method: http.MethodPost, path: "/command/stop"}, "operator")
	if node.stopped != 1 {
		t.Errorf("stopped %d times, want once: by the operator", node.stopped)
	}
}

func TestAuth_open(t *testing.T) {
	auth := mustAuth(t)
	for path, h := range map[string]http.Handler{
		"/livez":        newAdmin(&fakeNode{}, func(c *httpapi.AdminConfig) { c.Auth = auth }),
		"/readyz":       newAdmin(&fakeNode{}, func(c *httpapi.AdminConfig) { c.Auth = auth }),
		"/openapi.yaml": newRig(func(c *httpapi.APIConfig) { c.Auth = auth }),
		"/problems":     newRig(func(c *httpapi.APIConfig) { c.Auth = auth }),
	} {
		if w := do(t, h, request{path: path}); w.Code != http.StatusOK {
			t.Errorf("%s without a token: %d", path, w.Code)
		}
	}
}

func TestAuth_header(t *testing.T) {
	r := newRig(func(c *httpapi.APIConfig) { c.Auth = mustAuth(t) })
	for name, c := range map[string]struct {
		authorization, detail, challenge string
	}{
		"unknown":     {"Bearer nobody-0123456789", "the token is not one of this system", `, error="invalid_token"`},
		"empty":       {"Bearer", "the token is not one of this system", `, error="invalid_token"`},
		"a prefix":    {"Bearer " + customerToken[:18], "the token is not one of this system", `, error="invalid_token"`},
		"with more":   {"Bearer " + customerToken + "x", "the token is not one of this system", `, error="invalid_token"`},
		"other case":  {"Bearer " + strings.ToUpper(customerToken), "the token is not one of this system", `, error="invalid_token"`},
		"a role name": {"Bearer customer", "the token is not one of this system", `, error="invalid_token"`},
		"basic":       {"Basic " + customerToken, "the header Authorization must be given once, as Bearer TOKEN", `, error="invalid_request"`},
		"bare":        {customerToken, "the header Authorization must be given once, as Bearer TOKEN", `, error="invalid_request"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := do(t, r, post(`{}`).with("Authorization", c.authorization))
			wantProblem(t, w, orders, problem{"unauthenticated", "A token is needed", 401, c.detail, nil})
			wantHeader(t, w, "WWW-Authenticate", `Bearer realm="orderflow"`+c.challenge)
		})
	}
	t.Run("twice", func(t *testing.T) {
		q := post(`{}`).make()
		q.Header["Authorization"] = []string{"Bearer " + customerToken, "Bearer " + customerToken}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, q)
		if w.Code != http.StatusUnauthorized {
			t.Error(w.Code)
		}
	})
	for _, authorization := range []string{"bearer " + customerToken, "BEARER  " + customerToken, "Bearer " + secondToken} {
		if w := do(t, r, post(`{}`).with("Authorization", authorization)); w.Code != http.StatusAccepted {
			t.Errorf("%s: %d", authorization, w.Code)
		}
	}
}

func TestAuth_actor(t *testing.T) {
	r := newRig(func(c *httpapi.APIConfig) { c.Auth = mustAuth(t) })
	do(t, r, post(`{}`).as(operatorToken))
	if got := r.store.appended[0].Metadata.Actor; got != "operator" {
		t.Errorf("actor %q, want operator", got)
	}
}

func TestReadAuth_refuses(t *testing.T) {
	const long = "0123456789abcdef"
	for file, want := range map[string]string{
		"":                        "there is no token in it: expected lines of the form role:token",
		"# customer:" + long:      "there is no token in it: expected lines of the form role:token",
		"\ncustomer " + long:      "line 2: expected role:token, with one of the roles customer, operator, auditor",
		"root:" + long:            "line 1: expected role:token, with one of the roles customer, operator, auditor",
		"Customer:" + long:        "line 1: expected role:token, with one of the roles customer, operator, auditor",
		"customer:" + long[1:]:    "line 1: the token of role customer is shorter than 16 bytes",
		"customer:" + long + " x": "line 1: the token of role customer has characters other than letters, digits and -._~+/=",
		"customer:" + long + ":x": "line 1: the token of role customer has characters other than letters, digits and -._~+/=",
		"auditor:" + long + "\n\noperator:" + long: "line 3: the token of role operator is there twice",
	} {
		_, err := httpapi.ReadAuth(strings.NewReader(file))
		if err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", file, err, want)
		}
		if err != nil && strings.Contains(err.Error(), long[1:]) {
			t.Errorf("the error tells the token: %v", err)
		}
	}
}

// TestAuth_Reload: a good file takes the place of the one before; of a bad one nothing is taken.
func TestAuth_Reload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const first, second = "first-0123456789abc", "second-0123456789abc"
	write("customer:" + first + "\n")
	auth, err := httpapi.LoadAuth(path)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(func(c *httpapi.APIConfig) { c.Auth = auth })
	opens := func(token string) bool {
		return do(t, r, request{path: orders, header: map[string]string{"Authorization": "Bearer " + token}}).Code == http.StatusOK
	}
	for _, c := range []struct {
		text          string
		good          bool
		first, second bool
	}{
		{"", false, true, false},
		{"customer:" + second + "\nroot:x\n", false, true, false},
		{"auditor:" + second + "\n", true, false, true},
		{"auditor:short\n", false, false, true},
	} {
		write(c.text)
		if err := auth.Reload(path); (err == nil) != c.good {
			t.Errorf("%q: err %v", c.text, err)
		}
		if opens(first) != c.first || opens(second) != c.second {
			t.Errorf("after %q the first token opens: %t, the second: %t", c.text, opens(first), opens(second))
		}
	}
	if err := auth.Reload(path + "-gone"); err == nil || !opens(second) {
		t.Errorf("without the file: err %v", err)
	}
}

func TestLoadAuth(t *testing.T) {
	if a, err := httpapi.LoadAuth(""); a != nil || err != nil {
		t.Errorf("no file: %v, %v", a, err)
	}
	path := filepath.Join(t.TempDir(), "tokens")
	if _, err := httpapi.LoadAuth(path); err == nil {
		t.Error("a file that is not there is no error")
	}
	if err := os.WriteFile(path, []byte("customer:short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := httpapi.LoadAuth(path); err == nil || !strings.Contains(err.Error(), path+": line 1") {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(path, []byte(tokens), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := httpapi.LoadAuth(path)
	if err != nil {
		t.Fatal(err)
	}
	if shown := fmt.Sprintf("%+v %#v", a, a); strings.Contains(shown, customerToken) {
		t.Error("the tokens can be printed")
	}
}
