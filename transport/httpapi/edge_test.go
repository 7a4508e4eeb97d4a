package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"orderflow/domain"
	"orderflow/transport/httpapi"
)

// logged makes an API keep its log lines.
func logged() (func(*httpapi.APIConfig), *logtest.Hook) {
	logger, hook := logtest.NewNullLogger()
	logger.SetLevel(logrus.DebugLevel)
	return func(c *httpapi.APIConfig) { c.Logger = logrus.NewEntry(logger) }, hook
}

func TestEdge_correlation(t *testing.T) {
	long := strings.Repeat("x", 128)
	for name, c := range map[string]struct {
		header map[string]string
		want   string // empty: a new one
	}{
		"given":             {map[string]string{"X-Correlation-ID": "a/b:c.1"}, "a/b:c.1"},
		"request id":        {map[string]string{"X-Correlation-ID": "", "X-Request-ID": "r-1"}, "r-1"},
		"both":              {map[string]string{"X-Correlation-ID": "c-1", "X-Request-ID": "r-1"}, "c-1"},
		"at the most":       {map[string]string{"X-Correlation-ID": long}, long},
		"none":              {map[string]string{"X-Correlation-ID": ""}, ""},
		"too long":          {map[string]string{"X-Correlation-ID": long + "x"}, ""},
		"with a space":      {map[string]string{"X-Correlation-ID": "a b"}, ""},
		"with a new line":   {map[string]string{"X-Correlation-ID": "a\nb"}, ""},
		"not ASCII":         {map[string]string{"X-Correlation-ID": "ż"}, ""},
		"bad, but other ok": {map[string]string{"X-Correlation-ID": "a b", "X-Request-ID": "r-1"}, "r-1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			q := post(`{}`)
			for k, v := range c.header {
				q = q.with(k, v)
			}
			got := do(t, r, q).Header().Get("X-Correlation-ID")
			if c.want != "" && got != c.want || c.want == "" && len(got) != 36 {
				t.Errorf("answered %q, want %q", got, c.want)
			}
			if stored := r.store.appended[0].Metadata.CorrelationID; stored != got {
				t.Errorf("stored %q, answered %q", stored, got)
			}
		})
	}
	t.Run("new ones differ", func(t *testing.T) {
		q := post(`{}`).with("X-Correlation-ID", "")
		if a, b := do(t, newRig(), q), do(t, newRig(), q); a.Header().Get("X-Correlation-ID") == b.Header().Get("X-Correlation-ID") {
			t.Error("two requests have one correlation id")
		}
	})
}

func TestEdge_traceParent(t *testing.T) {
	const valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for given, want := range map[string]string{
		valid:                                  valid,
		valid + "-x":                           "", // version 00 has no more
		"":                                     "",
		"00":                                   "",
		valid[1:]:                              "",
		"01" + valid[2:]:                       "01" + valid[2:],
		"cc" + valid[2:] + "-what-comes-later": "cc" + valid[2:] + "-what-comes-later",
		"cc" + valid[2:] + "x":                 "",
		"cc" + valid[2:] + "-" + strings.Repeat("x", 55):          "",
		"cc" + valid[2:] + "-a b":                                 "",
		"ff" + valid[2:]:                                          "",
		strings.ToUpper(valid):                                    "",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": "",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": "",
		"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01": "",
		"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": "",
		"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01": "",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01": "",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x": "",
		"0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": "",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01": "",
	} {
		r := newRig()
		do(t, r, post(`{}`).with("traceparent", given))
		if got := r.store.appended[0].Metadata.TraceParent; got != want {
			t.Errorf("%q: stored %q, want %q", given, got, want)
		}
	}
	t.Run("twice", func(t *testing.T) {
		r, q := newRig(), post(`{}`).make()
		q.Header["Traceparent"] = []string{valid, valid}
		r.ServeHTTP(httptest.NewRecorder(), q)
		if got := r.store.appended[0].Metadata.TraceParent; got != "" {
			t.Errorf("stored %q, want none", got)
		}
	})
}

func TestEdge_panic(t *testing.T) {
	withLog, hook := logged()
	r := newRig(withLog)
	r.views.hook = func(context.Context) { panic("secret") }
	path := "/v1/orders/" + theID
	w := do(t, r, request{path: path})
	wantProblem(t, w, path, internal)
	wantHeader(t, w, "X-Correlation-ID", corr)
	if len(hook.Entries) != 1 {
		t.Fatalf("%d log lines, want 1", len(hook.Entries))
	}
	e := hook.Entries[0]
	if e.Level != logrus.ErrorLevel || e.Data["error"].(error).Error() != "panic: secret" || !strings.Contains(e.Data["stack"].(string), "edge_test.go") {
		t.Errorf("log line %v %v", e.Level, e.Data)
	}
	r.views.hook = nil
	if w := do(t, r, request{path: path}); w.Code != http.StatusNotFound {
		t.Errorf("after the panic: %d", w.Code)
	}
}

func TestEdge_abort(t *testing.T) {
	r := newRig()
	r.views.hook = func(context.Context) { panic(http.ErrAbortHandler) }
	defer func() {
		if thrown := recover(); thrown != http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this
			t.Errorf("thrown %v, want http.ErrAbortHandler", thrown)
		}
	}()
	r.ServeHTTP(httptest.NewRecorder(), request{path: "/v1/orders/" + theID}.make())
	t.Error("it was answered")
}

func TestEdge_log(t *testing.T) {
	withLog, hook := logged()
	r := newRig(withLog, func(c *httpapi.APIConfig) { c.Auth = mustAuth(t) })
	get := request{path: orders}.as(auditorToken)
	for name, c := range map[string]struct {
		request request
		err     error
		level   logrus.Level
		status  int
	}{
		"read":        {get, nil, logrus.DebugLevel, 200},
		"bad read":    {request{path: orders + "?limit=0"}.as(auditorToken), nil, logrus.DebugLevel, 400},
		"placed":      {post(`{}`).as(customerToken), nil, logrus.InfoLevel, 202},
		"refused":     {post(`[]`).as(customerToken), nil, logrus.InfoLevel, 400},
		"no token":    {post(`{}`), nil, logrus.InfoLevel, 401},
		"unavailable": {get, domain.ErrUnavailable, logrus.WarnLevel, 503},
		"fault":       {get, errors.New("disk on fire"), logrus.ErrorLevel, 500},
	} {
		t.Run(name, func(t *testing.T) {
			hook.Reset()
			r.views.err = c.err
			w := do(t, r, c.request)
			if len(hook.Entries) != 1 {
				t.Fatalf("%d log lines, want 1", len(hook.Entries))
			}
			e := hook.Entries[0]
			if e.Level != c.level || e.Data["status"] != c.status || e.Data["correlation_id"] != corr || e.Data["path"] != orders ||
				e.Data["bytes"] != int64(w.Body.Len()) || e.Data["method"] != c.request.make().Method {
				t.Errorf("log line at %v: %v", e.Level, e.Data)
			}
			if e.Data["remote"] != "192.0.2.1:1234" {
				t.Errorf("the line says the request came from %v", e.Data["remote"])
			}
			if c.err != nil && !errors.Is(e.Data["error"].(error), c.err) {
				t.Errorf("logged error %v", e.Data["error"])
			}
			if line, _ := e.String(); strings.Contains(line, customerToken) || strings.Contains(line, auditorToken) {
				t.Errorf("the log tells a token: %s", line)
			}
		})
	}
}

// TestEdge_logOrder: a line about an order names it, also of one that was not placed.
func TestEdge_logOrder(t *testing.T) {
	withLog, hook := logged()
	r := newRig(withLog)
	said := func(q request) any {
		t.Helper()
		hook.Reset()
		do(t, r, q)
		if len(hook.Entries) != 1 {
			t.Fatalf("%d log lines, want 1", len(hook.Entries))
		}
		return hook.Entries[0].Data["order_id"]
	}
	first := said(post(`{"tracking_id":"t"}`))
	if want := r.store.appended[0].OrderID.String(); first != want {
		t.Errorf("of the order that was placed the line names %v, want %s", first, want)
	}
	for what, q := range map[string]request{"repeated": post(`{"tracking_id":"t"}`), "in use": post(`{"tracking_id":"t","detail":1}`)} {
		if got := said(q); got != first {
			t.Errorf("%s: the line names %v, want %v", what, got, first)
		}
	}
	if got := said(request{path: orders + "/" + theID}); got != theID {
		t.Errorf("of the order that was asked for the line names %v", got)
	}
	for what, q := range map[string]request{"a list": {path: orders}, "refused": post(`[]`), "no id": {path: orders + "/x"}} {
		if got := said(q); got != nil {
			t.Errorf("%s: the line names %v, want none", what, got)
		}
	}
	r.store.err = domain.ErrUnavailable
	if got, ok := said(post(`{}`)).(string); !ok || len(got) != len(theID) {
		t.Errorf("of an order that may have been placed the line names %q", got)
	}
}
