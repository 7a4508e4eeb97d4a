package httpapi_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"orderflow/transport/httpapi"
)

func TestAPI_place_idempotencyKey(t *testing.T) {
	t.Run("empty", func(t *testing.T) {
		q := post(`{}`).make()
		q.Header["Idempotency-Key"] = []string{""}
		w := httptest.NewRecorder()
		newRig().ServeHTTP(w, q)
		wantProblem(t, w, orders, invalid("header", "Idempotency-Key", "1 to 200 bytes of printable ASCII", "an empty one"))
	})
	t.Run("twice", func(t *testing.T) {
		q := post(`{}`).make()
		q.Header["Idempotency-Key"] = []string{"a", "a"}
		w := httptest.NewRecorder()
		newRig().ServeHTTP(w, q)
		wantProblem(t, w, orders, repeated("header", "Idempotency-Key"))
	})
}

// brokenBody is a body that ends before it should.
type brokenBody struct{ err error }

func (b brokenBody) Read([]byte) (int, error) { return 0, b.err }

func TestAPI_place_incompleteBody(t *testing.T) {
	for err, want := range map[error]problem{
		io.ErrUnexpectedEOF:    {"incomplete-body", "The body did not arrive", 400, "the body ended before its announced length", nil},
		net.ErrClosed:          {"incomplete-body", "The body did not arrive", 400, "the body could not be read to its end", nil},
		os.ErrDeadlineExceeded: {"body-timeout", "The body took too long", 408, "the body did not arrive in time", nil},
	} {
		q := post(``).make()
		q.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"detail":`), brokenBody{err}))
		q.ContentLength = 100
		w := httptest.NewRecorder()
		r := newRig()
		r.ServeHTTP(w, q)
		wantProblem(t, w, orders, want)
	}
}

// A body that is announced to be too large is refused before it is sent.
func TestAPI_place_announcedTooLarge(t *testing.T) {
	q := post(``).make()
	q.Body, q.ContentLength = unread{t}, httpapi.MaxBody+1
	w := httptest.NewRecorder()
	newRig().ServeHTTP(w, q)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) { u.t.Error("the body was read"); return 0, io.EOF }
func (unread) Close() error               { return nil }
