package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/transport/httpapi"
)

var (
	internal = problem{"internal", "Something went wrong", 500,
		"the request could not be carried out because of a fault in this system", nil}
	unavailable = problem{"unavailable", "The database cannot answer now", 503,
		"the request could not be carried out now; it may be repeated", nil}
	timedOut = problem{"timeout", "The answer took too long", 503,
		"the request was not carried out in time; it may be repeated", nil}
)

// readPaths are the paths of one order.
var readPaths = []string{"/v1/orders/%s", "/v1/orders/%s/events"}

func TestAPI_orderNotFound(t *testing.T) {
	for _, path := range readPaths {
		path = fmt.Sprintf(path, noID)
		wantProblem(t, do(t, newRig(), request{path: path}), path, problem{
			"order-not-found", "There is no such order", 404, "there is no order " + noID, map[string]any{"order_id": noID},
		})
	}
}

func TestAPI_orderIDMalformed(t *testing.T) {
	for _, path := range readPaths {
		for id, shown := range map[string]string{
			"x":                                "x",
			"01890a5dac96774bbcceb302099a8057": "01890a5dac96774bbcceb302099a8057",
			theID[:35] + "g":                   theID[:35] + "g",
			theID + "0":                        theID + "0",
			"{" + theID + "}":                  "{" + theID + "}",
		} {
			path := fmt.Sprintf(path, id)
			q := request{path: "/"}.make()
			q.URL.Path = path
			w := do(t, newRig(), request{path: path})
			wantProblem(t, w, q.URL.EscapedPath(), invalid("path", "id", "an order id, a UUID of the form 8-4-4-4-12 hexadecimal digits", shown))
		}
	}
}

// Whatever kind of error the parts below return, the answer goes by the one table.
func TestAPI_errorKinds(t *testing.T) {
	own := func(name, title string, status int, detail string) problem {
		return problem{name, title, status, detail, nil}
	}
	_, rule := new(domain.Order).Decide(domain.Park{})
	for name, c := range map[string]struct {
		err  error
		want problem
	}{
		"invalid":      {fmt.Errorf("%w: this is odd", domain.ErrInvalid), own("invalid-request", "The request is invalid", 400, "this is odd")},
		"conflict":     {fmt.Errorf("append: %w", domain.ErrConflict), own("conflict", "The order has changed meanwhile", 409, "append: version conflict")},
		"rule":         {fmt.Errorf("cancel: %w", rule), own("not-allowed", "The order's state does not allow this", 409, "cancel: the order has not been placed")},
		"duplicate":    {domain.ErrDuplicate, own("key-in-use", "The key names another order", 409, "duplicate")},
		"unavailable":  {fmt.Errorf("%w: dial tcp secret:1433", domain.ErrUnavailable), unavailable},
		"fenced":       {domain.ErrFenced, unavailable},
		"canceled":     {fmt.Errorf("query: %w", context.Canceled), unavailable},
		"deadline":     {fmt.Errorf("query: %w", context.DeadlineExceeded), timedOut},
		"corrupt":      {fmt.Errorf("%w: secret", domain.ErrCorrupt), internal},
		"unclassified": {errors.New("secret"), internal},
	} {
		t.Run(name, func(t *testing.T) {
			store := &fakeStore{err: c.err}
			r := newRig(fixedID(store), func(a *httpapi.APIConfig) { a.History = store })
			r.views.err = c.err
			for _, q := range []request{post(`{}`), {path: orders}, {path: "/v1/orders/" + theID}, {path: "/v1/orders/" + theID + "/events"}} {
				want := c.want
				if q.method == http.MethodPost && want.status < 500 {
					want.detail = "place order " + theID + ": " + c.err.Error()
				}
				w := do(t, r, q)
				wantProblem(t, w, q.path, want)
				if want.status == http.StatusServiceUnavailable {
					wantHeader(t, w, "Retry-After", "1")
				}
			}
		})
	}
}

// causeError is an error of the database with a name that may be shown.
type causeError struct{ error }

func (causeError) Cause() string { return "disk full" }

// TestAPI_unavailableCause: the answer says why by name, and nothing else of the error.
func TestAPI_unavailableCause(t *testing.T) {
	r := newRig(fixedID(&fakeStore{err: fmt.Errorf("%w: append: %w", domain.ErrUnavailable, causeError{errors.New("secret")})}))
	want := unavailable
	want.detail += ": disk full"
	wantProblem(t, do(t, r, post(`{}`)), orders, want)
}

func TestAPI_timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(func(c *httpapi.APIConfig) { c.Timeout = 3 * time.Second })
		r.views.hook = func(ctx context.Context) { <-ctx.Done() }
		began := time.Now()
		w := do(t, r, request{path: "/v1/orders/" + theID})
		wantProblem(t, w, "/v1/orders/"+theID, timedOut)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("answered after %v, want 3s", took)
		}
	})
}
