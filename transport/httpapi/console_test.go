package httpapi_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/transport/httpapi"
)

// browse is what a browser gets; change alters its request.
func browse(t *testing.T, h http.Handler, method, path string, change ...func(http.Header)) *httptest.ResponseRecorder {
	t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Host = "localhost"
	r.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	for _, f := range change {
		f(r.Header)
	}
	h.ServeHTTP(w, r)
	return w
}

func with(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }

func TestConsole_headers(t *testing.T) {
	w := browse(t, newAdmin(aNode()), http.MethodGet, "/ui")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<title>Overview") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{
		"Content-Type":                 "text/html; charset=utf-8",
		"Content-Security-Policy":      "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
		"Content-Encoding":             "",
	} {
		wantHeader(t, w, name, want)
	}
	packed := browse(t, newAdmin(aNode()), http.MethodGet, "/ui", with("Accept-Encoding", "gzip, br"))
	wantHeader(t, packed, "Content-Encoding", "gzip")
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != w.Body.String() {
		t.Errorf("compressed it is another page, err %v", err)
	}
	if w := browse(t, newAdmin(aNode()), http.MethodGet, "/ui", with("Accept-Encoding", "gzip;q=0")); w.Header().Get("Content-Encoding") != "" {
		t.Error("it is compressed for a client that does not take that")
	}
}

func TestConsole_root(t *testing.T) {
	h := newAdmin(aNode())
	w := browse(t, h, http.MethodGet, "/")
	if w.Code != http.StatusSeeOther {
		t.Errorf("a browser is answered %d at the root", w.Code)
	}
	wantHeader(t, w, "Location", "/ui")
	for _, accept := range []string{"", "*/*", "application/json", "text/html;q=0"} {
		if w := browse(t, h, http.MethodGet, "/", with("Accept", accept)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"service":"orderflow"`) {
			t.Errorf("with Accept %q the root answers %d %s", accept, w.Code, w.Body)
		}
	}
}

// TestConsole_failures: a browser is told of a failure by a page, and everybody else by a problem document.
func TestConsole_failures(t *testing.T) {
	works := newAdmin(aNode())
	locked := newAdmin(aNode(), func(c *httpapi.AdminConfig) { c.Auth = mustAuth(t) })
	away := newAdmin(aNode(), func(c *httpapi.AdminConfig) { c.Cluster = fakeStatus{err: domain.ErrUnavailable} })
	broken := newAdmin(aNode(), func(c *httpapi.AdminConfig) { c.Cluster = fakeStatus{err: errors.New("secret <cause>")} })
	for name, c := range map[string]struct {
		h            http.Handler
		method, path string
		change       func(http.Header)
		status       int
		says         string
	}{
		"no such page":      {works, http.MethodGet, "/ui/nothing<b>", with("X", ""), 404, "/ui/nothing%3Cb%3E"},
		"no such method":    {works, http.MethodPut, "/ui", with("X", ""), 405, "PUT is not allowed here"},
		"another site":      {works, http.MethodPost, "/ui", with("Sec-Fetch-Site", "cross-site"), 403, "a page of another site"},
		"no token":          {locked, http.MethodGet, "/ui", with("X", ""), 401, "Authorization: Bearer TOKEN"},
		"the wrong role":    {locked, http.MethodGet, "/ui", with("Authorization", "Bearer "+customerToken), 403, "the token has the role customer"},
		"no database":       {away, http.MethodGet, "/ui", with("X", ""), 503, "may be repeated"},
		"a fault in itself": {broken, http.MethodGet, "/ui", with("X", ""), 500, "a fault in this system"},
	} {
		t.Run(name, func(t *testing.T) {
			w := browse(t, c.h, c.method, c.path, c.change)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			wantHeader(t, w, "Content-Type", "text/html; charset=utf-8")
			if policy := w.Header().Get("Content-Security-Policy"); policy == "" {
				t.Error("it has no policy")
			}
			w = browse(t, c.h, c.method, c.path, c.change, with("Accept", "*/*"))
			if w.Code != c.status {
				t.Errorf("a program is answered %d", w.Code)
			}
			wantHeader(t, w, "Content-Type", "application/problem+json")
		})
	}
	if w := browse(t, locked, http.MethodGet, "/ui", with("Authorization", "Bearer "+operatorToken)); w.Code != http.StatusOK {
		t.Errorf("with an operator's token: %d", w.Code)
	}
	if w := browse(t, locked, http.MethodGet, "/ui/console.css"); w.Code != http.StatusOK {
		t.Errorf("the style of the page that asks for a token: %d", w.Code)
	}
	if w := browse(t, newRig(), http.MethodGet, "/ui"); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "<html") {
		t.Errorf("the customers' listener answers %d %s", w.Code, w.Body)
	}
}
