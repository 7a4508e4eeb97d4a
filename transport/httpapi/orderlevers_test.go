package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/transport/httpapi"
)

// fakeStreams keeps the events of orders.
type fakeStreams struct {
	streams map[domain.OrderID][]domain.Recorded
	beside  operate.Beside
	err     error
}

func (f *fakeStreams) Load(_ context.Context, id domain.OrderID) ([]domain.Recorded, error) {
	if len(f.streams[id]) == 0 {
		return nil, domain.ErrNotFound
	}
	return f.streams[id], nil
}

func (f *fakeStreams) Append(_ context.Context, u work.Unit, b operate.Beside) error {
	if f.err != nil {
		return f.err
	}
	if len(f.streams[u.OrderID]) != u.Expected {
		return domain.ErrConflict
	}
	for i, e := range u.Events {
		f.streams[u.OrderID] = append(f.streams[u.OrderID], domain.Recorded{
			OrderID: u.OrderID, Version: u.Expected + i + 1, Type: domain.TypeOf(e), Event: e, Metadata: u.Metadata, RecordedAt: at,
		})
	}
	f.beside = b
	return nil
}

// ordering is an admin interface with one order, which has a history.
func ordering(t *testing.T, commands ...domain.Command) (*fakeStreams, http.Handler) {
	t.Helper()
	f := &fakeStreams{streams: map[domain.OrderID][]domain.Recorded{}}
	u, err := work.Prepare(&domain.Order{ID: anID()}, domain.Metadata{}, append([]domain.Command{domain.Place{TrackingID: "T"}}, commands...)...)
	if err == nil {
		err = f.Append(t.Context(), u, operate.Beside{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return f, newAdmin(&fakeNode{}, func(c *httpapi.AdminConfig) { c.OrderLevers = operate.OrderLevers{Orders: f} })
}

const (
	cancelPath = "/v1/orders/" + theID + "/cancel"
	failPath   = "/v1/orders/" + theID + "/fail"
	retryPath  = "/v1/orders/" + theID + "/retry"
)

var runs = domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "w1"}

func TestOrderLevers(t *testing.T) {
	f, h := ordering(t, runs)
	w := do(t, h, pull(cancelPath, `{"reason":"unwanted","now":true}`).with("If-Match", `"2"`))
	wantBody(t, w, http.StatusAccepted, `{"order_id":"`+theID+`","status":"Scheduling","version":3,"next":"Scheduling, attempt 1, is cut short when node w1 next gives a sign of life; `+
		`then a free worker rolls back Scheduling, last first, and the order ends Cancelled"}`+"\n")
	wantHeader(t, w, "ETag", `"3"`)
	asked := f.streams[anID()][2]
	if asked.Event != (domain.OrderCancelRequested{Reason: "unwanted", Now: true}) || asked.Metadata.Actor != "operator" || f.beside.Control == nil {
		t.Errorf("recorded %+v by %+v, with %+v", asked.Event, asked.Metadata, f.beside)
	}
	_, h = ordering(t, domain.Park{Reason: "p"})
	wantBody(t, do(t, h, pull(failPath, `{"reason":"hopeless"}`)), http.StatusAccepted,
		`{"order_id":"`+theID+`","status":"Failed","version":4,"next":"nothing more happens to the order: no step of it had begun"}`+"\n")
	w = do(t, h, pull(retryPath, `{"reason":"again"}`).with("If-Match", "*"))
	if body := w.Body.String(); w.Code != http.StatusAccepted || !strings.Contains(body, `"status":"Pending","version":1,`) || !strings.Contains(body, `"retry_of":"`+theID+`","repeated":false}`) {
		t.Errorf("retried: %d %s", w.Code, body)
	}
	if w = do(t, h, pull(retryPath, `{"reason":"again"}`)); w.Code != http.StatusAccepted || !strings.Contains(w.Body.String(), `"repeated":true}`) {
		t.Errorf("retried again: %d %s", w.Code, w.Body)
	}
}

func TestOrderLevers_problems(t *testing.T) {
	invalid := func(in, field, expected, got string) problem {
		return problem{"invalid-value", "A value is not what it must be", 400, "`" + field + "` must be " + expected + ", got " + got, map[string]any{"in": in, "field": field, "expected": expected}}
	}
	const tag = "the ETag of the order, which is its version in quotation marks, or *"
	for name, c := range map[string]struct {
		path, body, match string
		want              problem
	}{
		"another version": {cancelPath, `{"reason":"r"}`, `"1"`, problem{"version-differs", "The order is at another version", 412,
			"order " + theID + " is at version 2, and not at 1", map[string]any{"order_id": theID, "version": 2}}},
		"no version":  {cancelPath, `{"reason":"r"}`, `2`, invalid("header", "If-Match", tag, "2")},
		"a weak one":  {cancelPath, `{"reason":"r"}`, `W/"2"`, invalid("header", "If-Match", tag, `W/"2"`)},
		"no reason":   {cancelPath, `{}`, "", invalid("body", "reason", "a string", "nothing")},
		"blank":       {failPath, `{"reason":" "}`, "", invalid("body", "reason", "text in UTF-8 of 1 to 1000 bytes", "nothing")},
		"now is what": {cancelPath, `{"reason":"r","now":"yes"}`, "", invalid("body", "now", "true or false", "string")},
		"now is null": {cancelPath, `{"reason":"r","now":null}`, "", invalid("body", "now", "true or false", "null")},
		"not parked": {failPath, `{"reason":"r"}`, "", problem{"not-allowed", "The order's state does not allow this", 409,
			"cannot fail order " + theID + ": the order is not parked (it is Scheduling, at version 2)", map[string]any{"order_id": theID, "order_status": "Scheduling", "version": 2}}},
		"not ended": {retryPath, `{"reason":"r"}`, "", problem{"not-allowed", "The order's state does not allow this", 409,
			"cannot retry order " + theID + " before it has ended (it is Scheduling, at version 2)", map[string]any{"order_id": theID, "order_status": "Scheduling", "version": 2}}},
		"not there": {"/v1/orders/019c3a51-5e0c-7d7a-a8d0-000000000000/retry", `{"reason":"r"}`, "", problem{"order-not-found", "There is no such order", 404,
			"there is no order 019c3a51-5e0c-7d7a-a8d0-000000000000", map[string]any{"order_id": "019c3a51-5e0c-7d7a-a8d0-000000000000"}}},
		"unknown": {failPath, `{"reason":"r","now":true}`, "", problem{"unknown-field", "A field or parameter is unknown", 400,
			"unknown field `now` (there are: reason)", map[string]any{"in": "body", "field": "now", "allowed": []string{"reason"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, h := ordering(t, runs)
			q := pull(c.path, c.body)
			if c.match != "" {
				q = q.with("If-Match", c.match)
			}
			w := do(t, h, q)
			wantProblem(t, w, c.path, c.want)
			if c.want.status == http.StatusPreconditionFailed {
				wantHeader(t, w, "ETag", `"2"`)
			}
		})
	}
	f, h := ordering(t, runs)
	f.err = &domain.LevelError{What: "orders can be cancelled", Level: 3}
	wantProblem(t, do(t, h, pull(cancelPath, `{"reason":"r"}`)), cancelPath, problem{"unavailable", "The database cannot answer now", 503,
		"the request could not be carried out now; it may be repeated: orders can be cancelled when every node of the cluster reads events of level 3", nil})
}
