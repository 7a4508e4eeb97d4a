package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/transport/httpapi"
)

// slowBody is a body of which part comes at once and the rest when it is let.
type slowBody struct {
	part, rest   io.Reader
	waiting, let chan struct{}
}

func slowly(part, rest string) *slowBody {
	return &slowBody{strings.NewReader(part), strings.NewReader(rest), make(chan struct{}, 1), make(chan struct{})}
}

func (s *slowBody) Close() error { return nil }

func (s *slowBody) Read(b []byte) (int, error) {
	if n, err := s.part.Read(b); err == nil {
		return n, nil
	}
	select {
	case s.waiting <- struct{}{}:
	default:
	}
	<-s.let
	return s.rest.Read(b)
}

// send has a request with the body answered, and returns when the body has its part read.
func (s *slowBody) send(h http.Handler, announced int64) <-chan *httptest.ResponseRecorder {
	q := post("").make()
	q.Body, q.ContentLength = s, announced
	answered := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		answered <- w
	}()
	<-s.waiting
	return answered
}

// TestBudget_announced: a body that is announced and does not come keeps nobody out.
func TestBudget_announced(t *testing.T) {
	for name, announced := range map[string]int64{"large": 1_000_000, "small": 64 << 10, "of a length that is not known": -1} {
		t.Run(name, func(t *testing.T) {
			r := newRig(func(c *httpapi.APIConfig) { c.InHand = 1 << 20 })
			rest := make(chan struct{})
			var answered []<-chan *httptest.ResponseRecorder
			for range 60 {
				body := slowly(`{"detail":"`, "")
				body.let = rest
				answered = append(answered, body.send(r, announced))
			}
			for _, n := range []int{100, 60_000, 500_000} {
				if w := do(t, r, large(n)); w.Code != http.StatusAccepted {
					t.Errorf("an order of %d bytes: %d %s", n, w.Code, w.Body)
				}
			}
			close(rest)
			for _, a := range answered {
				if w := <-a; w.Code != http.StatusBadRequest {
					t.Errorf("one that never came: %d %s", w.Code, w.Body)
				}
			}
		})
	}
}

// TestBudget_grows: of bodies that together become too many, one is turned away, what it held is
// given back before it has been read to its end, and the other is placed.
func TestBudget_grows(t *testing.T) {
	const n = 1_000_000
	text := large(n).body
	r := newRig(func(c *httpapi.APIConfig) { c.InHand = n * 8 / 7 })
	first, second := slowly(text[:400_000], text[400_000:]), slowly(text[:600_000], text[600_000:])
	one := first.send(r, n)
	two := second.send(r, n) // beside the half of the first one there is no room for all of it
	close(first.let)
	if w := <-one; w.Code != http.StatusAccepted {
		t.Errorf("the first: %d %s", w.Code, w.Body)
	}
	close(second.let)
	w := <-two
	wantProblem(t, w, orders, isOverloaded)
	wantHeader(t, w, "Retry-After", "1")
	if w := do(t, r, large(n)); w.Code != http.StatusAccepted {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
}

// TestServer_slowReader: an answer that is not read is cut after 5 s, and one of several
// megabytes has as long for each of them.
func TestServer_slowReader(t *testing.T) {
	const size, each = 4 << 20, 5 * time.Second
	for name, c := range map[string]struct {
		pause time.Duration // before each sixteenth of a megabyte is read
		takes time.Duration
	}{
		"not read":      {time.Minute, each},
		"read in time":  {(each - time.Second) / 16, 4 * (each - time.Second)},
		"read too late": {(each + time.Second) / 16, each},
		"read at once":  {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(func(c *httpapi.APIConfig) { c.InHand = 1 })
				r.views.view.OrderID, r.views.view.Detail = anID(), []byte(`"`+strings.Repeat("x", size)+`"`)
				connect := serve(t, r)
				slow := connect()
				_, err := io.WriteString(slow, "GET /v1/orders/"+theID+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan struct{})
				defer func() { <-ended }()
				go func() {
					defer close(ended)
					for {
						time.Sleep(c.pause)
						if _, err := io.CopyN(io.Discard, slow, 1<<16); err != nil {
							return
						}
					}
				}()
				synctest.Wait()
				began := time.Now()
				for do(t, r, request{path: orders}).Code != http.StatusOK {
					time.Sleep(time.Second)
				}
				if took := time.Since(began); took < c.takes || took > c.takes+2*time.Second {
					t.Errorf("it was in hand for %v, want %v", took, c.takes)
				}
			})
		})
	}
}
