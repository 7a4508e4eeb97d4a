package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
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
	for detail, err := range map[string]error{
		"the body ended before its announced length": io.ErrUnexpectedEOF,
		"the body could not be read to its end":      http.ErrHandlerTimeout,
	} {
		q := post(``).make()
		q.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"detail":`), brokenBody{err}))
		q.ContentLength = 100
		w := httptest.NewRecorder()
		r := newRig()
		r.ServeHTTP(w, q)
		wantProblem(t, w, orders, problem{"incomplete-body", "The body did not arrive", 400, detail, nil})
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
