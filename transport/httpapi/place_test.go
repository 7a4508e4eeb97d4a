package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/handlers"
	"orderflow/transport/httpapi"
)

// fixedID makes the order id known.
func fixedID(store handlers.Appender) func(*httpapi.APIConfig) {
	return func(c *httpapi.APIConfig) {
		c.Placer = placing(handlers.PlacingConfig{
			Store: store, Node: "node-1", NewID: func() (domain.OrderID, error) { return anID(), nil },
		})
	}
}

func TestAPI_place(t *testing.T) {
	store := &fakeStore{}
	r := newRig(fixedID(store))
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	w := do(t, r, post(`{"tracking_id": "T-1", "detail": {"a": 1}}`).with("Idempotency-Key", "K-1").with("traceparent", parent))
	wantBody(t, w, http.StatusAccepted, `{"order_id":"`+theID+`","status":"Pending"}`+"\n")
	wantHeader(t, w, "Content-Type", "application/json")
	wantHeader(t, w, "Location", "/v1/orders/"+theID)
	wantHeader(t, w, "Idempotent-Replayed", "")
	wantHeader(t, w, "X-Correlation-ID", corr)
	wantHeader(t, w, "Cache-Control", "no-store")
	wantHeader(t, w, "X-Content-Type-Options", "nosniff")

	a := store.appended[0]
	if a.OrderID != anID() || a.Expected != 0 || !a.Lease.IsZero() || len(a.Events) != 1 {
		t.Errorf("appended %+v", a)
	}
	want := domain.Metadata{Actor: "customer", Node: "node-1", CorrelationID: corr, TraceParent: parent}
	if a.Metadata != want {
		t.Errorf("metadata %+v, want %+v", a.Metadata, want)
	}
	if len(a.Messages) != 1 || a.Messages[0].Topic != "scheduling" {
		t.Errorf("messages %+v, want one for scheduling", a.Messages)
	}
	if len(a.Reservations) != 2 || a.Reservations[0].Key != "tracking:T-1" || a.Reservations[1].Key != "key:K-1" {
		t.Errorf("reservations %+v", a.Reservations)
	}
	if e := store.placed(t); e.TrackingID != "T-1" || string(e.Detail) != `{"a":1}` {
		t.Errorf("event %+v", e)
	}
}

func TestAPI_place_newIDs(t *testing.T) {
	r := newRig()
	for range 2 {
		if w := do(t, r, post(`{}`)); w.Code != http.StatusAccepted {
			t.Fatal(w.Code, w.Body)
		}
	}
	first, second := r.store.appended[0], r.store.appended[1]
	if first.OrderID == second.OrderID || first.OrderID.String() > second.OrderID.String() || first.OrderID.String()[14] != '7' {
		t.Errorf("ids %s and %s: want two UUIDs of version 7, the later one greater", first.OrderID, second.OrderID)
	}
	if len(first.Reservations) != 0 {
		t.Errorf("an order without a key reserves %v", first.Reservations)
	}
}

// What customers put into detail is stored character for character.
func TestAPI_place_detail(t *testing.T) {
	for name, c := range map[string]struct{ sent, stored string }{
		"white space":       {"{ \"a\" :\n[ 1 ,\t2 ] }", `{"a":[1,2]}`},
		"HTML":              {`"<a href='x'>&amp;</a>"`, `"<a href='x'>&amp;</a>"`},
		"big numbers":       {`[12345678901234567890123456789, 0.1000000000000000055511151231257827, 1e400, -0, 1.0]`, `[12345678901234567890123456789,0.1000000000000000055511151231257827,1e400,-0,1.0]`},
		"escapes":           {`"\u0041\/\ud83d\ude00\u2028\u0000"`, `"\u0041\/\ud83d\ude00\u2028\u0000"`},
		"lone surrogate":    {`"\ud800"`, `"\ud800"`},
		"unicode":           {`"żółć 😀 ` + "\u2028" + `"`, `"żółć 😀 ` + "\u2028" + `"`},
		"names kept":        {`{"b":1,"a":2,"b":3}`, `{"b":1,"a":2,"b":3}`},
		"string":            {`"x"`, `"x"`},
		"number":            {`0`, `0`},
		"false":             {`false`, `false`},
		"empty array":       {`[]`, `[]`},
		"null":              {`null`, ``},
		"depth at the most": {deep(handlers.MaxDepth), deep(handlers.MaxDepth)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			if w := do(t, r, post(`{"detail":`+c.sent+`}`)); w.Code != http.StatusAccepted {
				t.Fatal(w.Code, w.Body)
			}
			if got := string(r.store.placed(t).Detail); got != c.stored {
				t.Errorf("stored %s, want %s", got, c.stored)
			}
		})
	}
}

func TestAPI_place_accepts(t *testing.T) {
	long := strings.Repeat("ż", handlers.MaxTrackingID/2)
	for name, c := range map[string]struct {
		request  request
		tracking string
	}{
		"empty object":                {post(`{}`), ""},
		"null tracking id":            {post(`{"tracking_id":null}`), ""},
		"tracking id at the most":     {post(`{"tracking_id":"` + long + `"}`), long},
		"escaped name and value":      {post(`{"tracking\u005fid":"\u0041"}`), "A"},
		"white space about":           {post(" \r\n\t{\"tracking_id\":\"A\"}\n "), "A"},
		"charset":                     {post(`{}`).with("Content-Type", `application/json; charset="UTF-8"`), ""},
		"media type in other case":    {post(`{}`).with("Content-Type", "Application/JSON"), ""},
		"identity coding":             {post(`{}`).with("Content-Encoding", "identity"), ""},
		"idempotency key at the most": {post(`{}`).with("Idempotency-Key", strings.Repeat("k", handlers.MaxIdempotencyKey)), ""},
		"body at the most":            {post(sized(httpapi.MaxBody)), ""},
		"body at the most, chunked":   {request{method: "POST", path: orders, body: sized(httpapi.MaxBody), chunked: true}, ""},
		"same origin":                 {post(`{}`).with("Sec-Fetch-Site", "same-origin"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			w := do(t, r, c.request)
			if w.Code != http.StatusAccepted {
				t.Fatal(w.Code, w.Body)
			}
			if got := r.store.placed(t).TrackingID; got != c.tracking {
				t.Errorf("tracking id %q, want %q", got, c.tracking)
			}
		})
	}
}

// deep is JSON nested n levels deep.
func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// sized is an order of n bytes.
func sized(n int) string {
	return `{"detail":"` + strings.Repeat("x", n-len(`{"detail":""}`)) + `"}`
}

func TestAPI_place_repeat(t *testing.T) {
	byTracking := func(id, detail string) request {
		return post(`{"tracking_id":"` + id + `","detail":` + detail + `}`)
	}
	byKey := func(key, detail string) request { return post(`{"detail":`+detail+`}`).with("Idempotency-Key", key) }
	for name, c := range map[string]struct {
		first, second request
		same          bool
	}{
		"tracking id":                     {byTracking("A", `{"a":1}`), byTracking("A", `{"a":1}`), true},
		"tracking id, other white space":  {byTracking("A", `{"a":1}`), byTracking("A", "{ \"a\":\n1 }"), true},
		"tracking id, no detail and null": {byTracking("A", `null`), post(`{"tracking_id":"A"}`), true},
		"tracking id and other key":       {byTracking("A", `1`).with("Idempotency-Key", "K"), byTracking("A", `1`).with("Idempotency-Key", "L"), true},
		"idempotency key":                 {byKey("K", `{"a":1}`), byKey("K", `{"a":1}`), true},
		"idempotency key, null and none":  {byKey("K", `null`), post(`{}`).with("Idempotency-Key", "K"), true},
		"another tracking id":             {byTracking("A", `1`), byTracking("B", `1`), false},
		"another idempotency key":         {byKey("K", `1`), byKey("L", `1`), false},
		"a key is not a tracking id":      {byTracking("A", `1`), byKey("A", `1`), false},
		"tracking id in another case":     {byTracking("A", `1`), byTracking("a", `1`), false},
		"no key at all":                   {post(`{"detail":1}`), post(`{"detail":1}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			first, second := do(t, r, c.first), do(t, r, c.second)
			if first.Code != http.StatusAccepted || second.Code != http.StatusAccepted {
				t.Fatal(first.Code, first.Body, second.Code, second.Body)
			}
			if same := first.Body.String() == second.Body.String(); same != c.same {
				t.Errorf("the same answer: %t, want %t", same, c.same)
			}
			if c.same {
				wantHeader(t, second, "Idempotent-Replayed", "true")
				wantHeader(t, second, "Location", first.Header().Get("Location"))
			} else {
				wantHeader(t, second, "Idempotent-Replayed", "")
			}
			if n := map[bool]int{true: 1, false: 2}[c.same]; len(r.store.appended) != n {
				t.Errorf("%d orders, want %d", len(r.store.appended), n)
			}
		})
	}
}

func TestAPI_place_keyInUse(t *testing.T) {
	const title = "The key names another order"
	for name, c := range map[string]struct {
		first, second request
		detail        string
		members       map[string]any
	}{
		"tracking id, other detail": {
			post(`{"tracking_id":"A","detail":1}`), post(`{"tracking_id":"A","detail":2}`),
			"`tracking_id` A was used for order " + theID + ", whose content is another",
			map[string]any{"order_id": theID, "field": "tracking_id", "in": "body"},
		},
		"tracking id, the same number written otherwise": {
			post(`{"tracking_id":"A","detail":1}`), post(`{"tracking_id":"A","detail":1.0}`),
			"`tracking_id` A was used for order " + theID + ", whose content is another",
			map[string]any{"order_id": theID, "field": "tracking_id", "in": "body"},
		},
		"idempotency key, other detail": {
			post(`{"detail":1}`).with("Idempotency-Key", "K"), post(`{"detail":2}`).with("Idempotency-Key", "K"),
			"`Idempotency-Key` K was used for order " + theID + ", whose content is another",
			map[string]any{"order_id": theID, "field": "Idempotency-Key", "in": "header"},
		},
		"idempotency key, other tracking id": {
			post(`{"tracking_id":"A"}`).with("Idempotency-Key", "K"), post(`{"tracking_id":"B"}`).with("Idempotency-Key", "K"),
			"`Idempotency-Key` K was used for order " + theID + ", whose content is another",
			map[string]any{"order_id": theID, "field": "Idempotency-Key", "in": "header"},
		},
		"text cannot move between tracking id and detail": {
			post(`{"tracking_id":"A","detail":11}`).with("Idempotency-Key", "K"), post(`{"tracking_id":"A1","detail":1}`).with("Idempotency-Key", "K"),
			"`Idempotency-Key` K was used for order " + theID + ", whose content is another",
			map[string]any{"order_id": theID, "field": "Idempotency-Key", "in": "header"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &fakeStore{}
			r := newRig(fixedID(store))
			if w := do(t, r, c.first); w.Code != http.StatusAccepted {
				t.Fatal(w.Code, w.Body)
			}
			wantProblem(t, do(t, r, c.second), orders, problem{"key-in-use", title, 409, c.detail, c.members})
			if len(store.appended) != 1 {
				t.Errorf("%d orders, want 1", len(store.appended))
			}
		})
	}
}

func TestAPI_place_concurrentRepeats(t *testing.T) {
	r := newRig()
	const clients = 32
	var bodies sync.Map
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			w := do(t, r, post(`{"tracking_id":"A","detail":{"n":1}}`).with("Idempotency-Key", fmt.Sprint("K", i%2)))
			if w.Code != http.StatusAccepted {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			bodies.Store(w.Body.String(), true)
		})
	}
	wg.Wait()
	answers := 0
	bodies.Range(func(any, any) bool { answers++; return true })
	if answers != 1 || len(r.store.appended) != 1 {
		t.Errorf("%d answers and %d orders, want 1 and 1", answers, len(r.store.appended))
	}
}
