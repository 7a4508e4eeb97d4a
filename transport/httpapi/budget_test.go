package httpapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers"
	"orderflow/transport/httpapi"
)

// gate is a store whose appends wait, or do what the test wants.
type gate struct {
	*fakeStore
	append func()
}

func (g *gate) Append(ctx context.Context, a work.Unit) (work.Outcome, error) {
	g.append()
	return g.fakeStore.Append(ctx, a)
}

// gated makes an API that holds so many bytes of bodies at once, over a gate.
func gated(inHand int64) (*rig, *gate) {
	g := &gate{fakeStore: &fakeStore{}, append: func() {}}
	r := newRig(func(c *httpapi.APIConfig) {
		c.InHand, c.Placer = inHand, placing(handlers.PlacingConfig{Store: g})
	})
	return r, g
}

// large is an order whose body has n bytes.
func large(n int) request {
	const frame = len(`{"detail":""}`)
	return post(`{"detail":"` + strings.Repeat("x", n-frame) + `"}`)
}

var isOverloaded = problem{
	"overloaded", "The node has too much in hand", 503, "this node has as much in hand as its memory allows; nothing was done, and the request may be repeated", nil,
}

// TestBudget: bodies beyond the budget are turned away until others have been dealt with.
func TestBudget(t *testing.T) {
	const mib = 1 << 20
	r, g := gated(4 * mib)
	entered, leave := make(chan struct{}), make(chan struct{})
	g.append = func() { entered <- struct{}{}; <-leave }
	answers := make(chan int, 9)
	hold := func(q request) {
		t.Helper()
		go func() {
			w := httptest.NewRecorder()
			r.ServeHTTP(w, q.make())
			answers <- w.Code
		}()
		select {
		case <-entered:
		case code := <-answers:
			t.Fatalf("answered %d, and not held", code)
		}
	}
	refused := func(name string, q request) {
		t.Helper()
		w := do(t, r, q)
		wantProblem(t, w, orders, isOverloaded)
		wantHeader(t, w, "Retry-After", "1")
		if w.Code != 503 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	for range 3 {
		hold(large(mib))
	}
	refused("beyond the budget", large(mib))
	chunked := large(mib)
	chunked.chunked = true
	refused("beyond the budget, of a length that is not known", chunked)
	hold(large(64 << 10)) // the last eighth is for small ones
	refused("too large for the last eighth", large(512<<10))
	for range 4 {
		leave <- struct{}{}
		if code := <-answers; code != http.StatusAccepted {
			t.Errorf("answered %d", code)
		}
	}
	hold(large(mib))
	hold(chunked)
	for range 2 {
		leave <- struct{}{}
		<-answers
	}
}

// TestBudget_released: whatever becomes of a request, its bytes are given back.
func TestBudget_released(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	r, g := gated(1) // one body at a time
	for name, do := range map[string]func() *http.Request{
		"placed":      func() *http.Request { return post(`{"detail":1}`).make() },
		"not JSON":    func() *http.Request { return post(`{"detail":`).make() },
		"a wrong key": func() *http.Request { return post(`{}`).with("Idempotency-Key", "\x7f").make() },
		"cut off": func() *http.Request {
			q := post(``).make()
			q.Body, q.ContentLength = io.NopCloser(brokenBody{io.ErrUnexpectedEOF}), 100
			return q
		},
		"too large": func() *http.Request {
			q := large(httpapi.MaxBody + 1)
			q.chunked = true
			return q.make()
		},
		"gone": func() *http.Request { return post(`{"detail":1}`).make().WithContext(gone) },
		"the store fails": func() *http.Request {
			g.append = func() { g.err = domain.ErrUnavailable }
			return post(`{"detail":1}`).make()
		},
		"a panic": func() *http.Request {
			g.append = func() { panic("here") }
			return post(`{"detail":1}`).make()
		},
		"an abort": func() *http.Request {
			g.append = func() { panic(http.ErrAbortHandler) }
			return post(`{"detail":1}`).make()
		},
	} {
		t.Run(name, func(t *testing.T) {
			func() {
				defer func() {
					if thrown := recover(); thrown != nil && thrown != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
						t.Error(thrown)
					}
				}()
				r.ServeHTTP(httptest.NewRecorder(), do())
			}()
			g.append, g.err = func() {}, nil
			w := httptest.NewRecorder()
			r.ServeHTTP(w, post(`{"detail":2}`).make())
			if w.Code != http.StatusAccepted {
				t.Errorf("the next request is answered %d %s", w.Code, w.Body)
			}
		})
	}
}

// counted counts what is read of a body.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}

// TestBudget_turnedAway: who sends the body in any case is read to the end, so that it comes to
// read the answer; who asks first sends none.
func TestBudget_turnedAway(t *testing.T) {
	r, g := gated(1)
	entered, leave := make(chan struct{}), make(chan struct{})
	g.append = func() { close(entered); <-leave }
	done := make(chan struct{})
	go func() { defer close(done); r.ServeHTTP(httptest.NewRecorder(), post(`{}`).make()) }()
	<-entered
	for expect, want := range map[string]int{"": 300_000, "100-continue": 0} {
		body := &counted{Reader: strings.NewReader(large(300_000).body)}
		q := post("").with("Expect", expect).make()
		q.Body, q.ContentLength = io.NopCloser(body), 300_000
		w := httptest.NewRecorder()
		r.ServeHTTP(w, q)
		if w.Code != http.StatusServiceUnavailable || body.n != want {
			t.Errorf("Expect %q: %d, %d bytes were read, want 503 and %d", expect, w.Code, body.n, want)
		}
	}
	close(leave)
	<-done
}

// slow is a client that does not read its answer until it is let.
type slow struct {
	*httptest.ResponseRecorder
	begun, read chan struct{}
}

func (s slow) Write(b []byte) (int, error) {
	close(s.begun)
	<-s.read
	return s.ResponseRecorder.Write(b)
}

// TestBudget_answers: answers that nobody reads are bounded as bodies are.
func TestBudget_answers(t *testing.T) {
	r := newRig(func(c *httpapi.APIConfig) { c.InHand = 1 })
	r.views.view.OrderID = anID()
	one := request{path: orders + "/" + theID}
	w := slow{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	done := make(chan struct{})
	go func() { defer close(done); r.ServeHTTP(w, one.make()) }()
	<-w.begun
	wantProblem(t, do(t, r, one), one.path, isOverloaded)
	wantProblem(t, do(t, r, request{path: orders}), orders, isOverloaded)
	close(w.read)
	<-done
	if got := do(t, r, request{path: orders}); got.Code != http.StatusOK {
		t.Errorf("afterwards: %d", got.Code)
	}
	r.views.err = errors.New("not read")
	_ = do(t, r, one)
	r.views.err = nil
	if got := do(t, r, request{path: orders}); got.Code != http.StatusOK {
		t.Errorf("after one that failed: %d", got.Code)
	}
}

// TestBudget_making: pages are not made beside so much else that memory could end; who waits for
// its turn too long is told to come again.
func TestBudget_making(t *testing.T) {
	r := newRig(func(c *httpapi.APIConfig) { c.InHand, c.Timeout = 1, 50*time.Millisecond })
	r.views.view.OrderID = anID()
	inside, leave := make(chan struct{}), make(chan struct{})
	r.views.hook = func(context.Context) { close(inside); <-leave }
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ServeHTTP(httptest.NewRecorder(), request{path: orders + "/" + theID}.make())
	}()
	<-inside
	w := do(t, r, request{path: orders})
	wantHeader(t, w, "Retry-After", "1")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "/problems/timeout") {
		t.Errorf("a page beside an order that is being made: %d %s", w.Code, w.Body)
	}
	if w := do(t, r, request{path: orders + "?limit=1"}); w.Code != http.StatusOK {
		t.Errorf("a page of one order: %d %s", w.Code, w.Body)
	}
	close(leave)
	<-done
	if w := do(t, r, request{path: orders}); w.Code != http.StatusOK {
		t.Errorf("a page afterwards: %d %s", w.Code, w.Body)
	}
}
