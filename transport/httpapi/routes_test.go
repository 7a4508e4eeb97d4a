package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"orderflow/transport/httpapi"
)

func TestRoutes_methodNotAllowed(t *testing.T) {
	api, admin := newRig(), newAdmin(&fakeNode{})
	for _, c := range []struct {
		h     http.Handler
		path  string
		allow string
	}{
		{api, "/v1/orders", "GET, HEAD, POST"},
		{api, "/v1/orders/" + theID, "GET, HEAD"},
		{api, "/v1/orders/" + theID + "/events", "GET, HEAD"},
		{api, "/openapi.yaml", "GET, HEAD"},
		{api, "/problems", "GET, HEAD"},
		{api, "/problems/conflict", "GET, HEAD"},
		{admin, "/livez", "GET, HEAD"},
		{admin, "/readyz", "GET, HEAD"},
		{admin, "/Watchdog_Selfclosure", "GET, HEAD"},
		{admin, "/Watchdog_External", "GET, HEAD"},
		{admin, "/command/stat", "GET, HEAD"},
		{admin, "/command/stop", "POST"},
		{admin, "/v1/orders/" + theID + "/cancel", "POST"},
		{admin, "/metrics", "GET, HEAD"},
		{admin, "/debug/pprof/", "GET, HEAD"},
		{admin, "/debug/pprof/heap", "GET, HEAD"},
		{admin, "/debug/pprof/profile", "GET, HEAD"},
		{admin, "/debug/pprof/trace", "GET, HEAD"},
		{admin, "/debug/pprof/symbol", "GET, HEAD, POST"},
	} {
		allowed := strings.Split(c.allow, ", ")
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			if strings.Contains(c.allow, method) {
				continue
			}
			w := do(t, c.h, request{method: method, path: c.path})
			wantProblem(t, w, c.path, problem{
				"method-not-allowed", "The method is not allowed here", 405,
				method + " is not allowed here (allowed: " + c.allow + ")", map[string]any{"allow": allowed},
			})
			wantHeader(t, w, "Allow", c.allow)
		}
	}
}

// TestRoutes_root: each listener says what is there, to everybody.
func TestRoutes_root(t *testing.T) {
	for name, c := range map[string]struct {
		h     http.Handler
		paths []string
	}{
		"orders": {newRig(), []string{"/v1/orders", "/v1/orders/{id}/events", "/openapi.yaml", "/problems"}},
		"node":   {newAdmin(&fakeNode{}), []string{"/livez", "/command/stat", "/metrics", "/openapi.yaml"}},
	} {
		w := do(t, c.h, request{path: "/"})
		var is struct {
			Service, Interface, Document string
			Paths                        []string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &is); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s (%v)", name, w.Code, w.Body, err)
		}
		if is.Service != "orderflow" || is.Interface != name || is.Document != "/openapi.yaml" {
			t.Errorf("%s: %+v", name, is)
		}
		for _, path := range c.paths {
			if !slices.Contains(is.Paths, path) {
				t.Errorf("%s: %s is not among %v", name, path, is.Paths)
			}
		}
	}
}

func TestRoutes_notFound(t *testing.T) {
	api, admin := newRig(), newAdmin(&fakeNode{})
	for path, h := range map[string]http.Handler{
		"/v1": api, "/v1/orders/": api, "//v1/orders": api, "/v1/../v1/orders": api, "/v1/orders/" + theID + "/": api, "/V1/orders": api,
		"/v1/orders/" + theID + "/steps": api, "/livez": api, "/problems/made-up": api, "/caf%C3%A9": api,
		"/v1/orders/../admin": admin, "/v1/orders": admin, "/command": admin, "/command/stat/": admin, "/debug/pprof": admin,
		"/debug/pprof/cmdline": admin, "/debug/pprof/made-up": admin, "/watchdog_external": admin,
	} {
		w := do(t, h, request{path: path})
		wantProblem(t, w, path, problem{"path-not-found", "There is nothing at this path", 404, "there is nothing at " + path, nil})
	}
}

func TestRoutes_crossSite(t *testing.T) {
	refused := problem{"cross-origin", "Refused: a request from another site", 403, "a browser sent this request for a page of another site", nil}
	node := &fakeNode{}
	stop := request{method: http.MethodPost, path: "/command/stop"}
	for name, q := range map[string]request{
		"fetch metadata": stop.with("Sec-Fetch-Site", "cross-site"),
		"same site":      stop.with("Sec-Fetch-Site", "same-site"),
		"origin":         stop.with("Origin", "https://evil.example"),
		"null origin":    stop.with("Origin", "null"),
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, do(t, newAdmin(node), q), q.path, refused)
			q.path = orders
			r := newRig()
			wantProblem(t, do(t, r, q), orders, refused)
			if node.stopped != 0 || len(r.store.appended) != 0 {
				t.Error("it was carried out")
			}
		})
	}
	if w := do(t, newAdmin(node), stop.with("Origin", "http://localhost:8080")); w.Code != http.StatusAccepted {
		t.Errorf("same origin: %d %s", w.Code, w.Body)
	}
	if w := do(t, newRig(), request{path: orders}.with("Sec-Fetch-Site", "cross-site")); w.Code != http.StatusOK {
		t.Errorf("reading from another site: %d", w.Code)
	}
}

func TestRoutes_problemTypes(t *testing.T) {
	for _, h := range []http.Handler{newRig(), newAdmin(&fakeNode{})} {
		w := do(t, h, request{path: "/problems/unknown-field"})
		wantBody(t, w, 200, "/problems/unknown-field\n400 A field or parameter is unknown.\n"+
			"field is the name, allowed lists the names there are, suggestion is the one that was probably meant.\n")
		wantHeader(t, w, "Content-Type", "text/plain; charset=utf-8")
		all := do(t, h, request{path: "/problems"}).Body.String()
		for section := range strings.SplitSeq(strings.TrimSpace(all), "\n\n") {
			path, _, _ := strings.Cut(section, "\n")
			wantBody(t, do(t, h, request{path: path}), 200, strings.TrimSpace(section)+"\n")
		}
		if n := strings.Count(all, "/problems/"); n != 33 {
			t.Errorf("%d problem types are explained", n)
		}
	}
}

// sizedHeader is a request whose request line and header have n bytes, as Go's own
// client would send them.
func sizedHeader(n int) *http.Request {
	q := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/v1/orders", nil)
	q.Header.Set("X-Correlation-ID", corr)
	q.Host = "localhost"
	size := len("GET /v1/orders HTTP/1.1\r\nHost: localhost\r\nX-Correlation-Id: corr-1\r\nX-Filler: \r\n")
	q.Header.Set("X-Filler", strings.Repeat("x", n-size))
	return q
}

func TestRoutes_headerLimit(t *testing.T) {
	w := httptest.NewRecorder()
	newRig().ServeHTTP(w, sizedHeader(httpapi.MaxHeader))
	if w.Code != http.StatusOK {
		t.Errorf("at the limit: %d %s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	newRig().ServeHTTP(w, sizedHeader(httpapi.MaxHeader+1))
	wantProblem(t, w, orders, problem{
		"header-too-large", "The header is too large", 431,
		"the request line and header fields have 16385 bytes, of 16384 allowed", map[string]any{"limit": 16384},
	})
	wantHeader(t, w, "Connection", "close")
}
