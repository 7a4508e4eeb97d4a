package httpapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/transport/httpapi"
)

// failedOrder is an order that failed in its second step, as the view has it.
func failedOrder() projections.OrderView {
	return projections.OrderView{
		OrderID: anID(), TrackingID: "T-<1>", Detail: []byte(`{"n":12345678901234567890.10,"h":"<b>&"}`),
		Status: domain.StatusFailed, PlacedAt: at, StartedAt: at.Add(time.Second), CompletedAt: at.Add(time.Minute), Version: 8,
		Steps: failedStepsJSON,
	}
}

const failedOrderJSON = `{"order_id":"` + theID + `","tracking_id":"T-<1>","detail":{"n":12345678901234567890.10,"h":"<b>&"},` +
	`"status":"Failed","current_step":null,"placed_at":"2026-01-31T12:00:00.123456Z","started_at":"2026-01-31T12:00:01.123456Z",` +
	`"completed_at":"2026-01-31T12:01:00.123456Z","version":8,"steps":` + failedStepsJSON + `}`

const failedStepsJSON = `[` +
	`{"step":"Scheduling","status":"RolledBack","attempt":1,"node":"n1","started_at":"2026-01-31T12:00:00.123456Z",` +
	`"completed_at":"2026-01-31T12:00:00.123456Z","error":null,"rolled_back_at":"2026-01-31T12:00:00.123456Z"},` +
	`{"step":"PreProcessing","status":"RolledBack","attempt":2,"node":"n2","started_at":"2026-01-31T12:00:00.123456Z",` +
	`"completed_at":"2026-01-31T12:00:00.123456Z","error":"no <tea>","rolled_back_at":"2026-01-31T12:00:00.123456Z"},` +
	`{"step":"Processing","status":"Pending","attempt":0,"node":null,"started_at":null,"completed_at":null,"error":null,"rolled_back_at":null},` +
	`{"step":"PostProcessing","status":"Pending","attempt":0,"node":null,"started_at":null,"completed_at":null,"error":null,"rolled_back_at":null}]`

func TestAPI_order(t *testing.T) {
	r := newRig()
	r.views.view = failedOrder()
	t.Run("found", func(t *testing.T) {
		w := do(t, r, request{path: "/v1/orders/" + theID})
		wantBody(t, w, http.StatusOK, failedOrderJSON+"\n")
		wantHeader(t, w, "Content-Type", "application/json")
		wantHeader(t, w, "X-Correlation-ID", corr)
		wantHeader(t, w, "ETag", fmt.Sprintf("%q", fmt.Sprint(failedOrder().Version)))
	})
	t.Run("id in upper case", func(t *testing.T) {
		wantBody(t, do(t, r, request{path: "/v1/orders/" + strings.ToUpper(theID)}), http.StatusOK, failedOrderJSON+"\n")
	})
	t.Run("HEAD", func(t *testing.T) {
		server := httptest.NewServer(r)
		defer server.Close()
		res, err := server.Client().Head(server.URL + "/v1/orders/" + theID)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || res.ContentLength != int64(len(failedOrderJSON)+1) {
			t.Errorf("status %d, length %d", res.StatusCode, res.ContentLength)
		}
	})
}

// TestAPI_order_at: which moment a request means, what is said of others, and that there is no ETag of the past.
func TestAPI_order_at(t *testing.T) {
	const expected = "a time of RFC 3339, such as 2026-01-31T12:00:00Z, or the number of a version from 1"
	r := newRig()
	r.views.view = failedOrder()
	for query, want := range map[string]domain.Moment{
		"at=3": {Version: 3}, "at=2026-01-31T13:00:00.123456%2B01:00": {At: at}, "at=2026-01-31T12:00:00.1234567Z": {At: at.Add(700)},
	} {
		w := do(t, r, request{path: orders + "/" + theID + "?" + query})
		wantBody(t, w, http.StatusOK, failedOrderJSON+"\n")
		if r.views.moment != want || w.Header().Get("ETag") != "" {
			t.Errorf("%s: asked for %+v, ETag %q; want %+v and none", query, r.views.moment, w.Header().Get("ETag"), want)
		}
	}
	wantHeader(t, do(t, r, request{path: orders + "/" + theID + "?at="}), "ETag", `"8"`)
	for query, want := range map[string]problem{
		"at=0": invalid("query", "at", expected, `"0"`), "at=-1": invalid("query", "at", expected, `"-1"`), "at=yesterday": invalid("query", "at", expected, `"yesterday"`),
		"at=2026-01-31": invalid("query", "at", expected, `"2026-01-31"`), "at=9999-01-01T00:00:00Z": invalid("query", "at", expected, `"9999-01-01T00:00:00Z"`),
		"at=" + strings.Repeat("9", 99): invalid("query", "at", expected, `"`+strings.Repeat("9", 64)+`..."`), "at=1&at=2": repeated("query", "at"),
		"At=1":   unknown("query", "parameter", "At", ": did you mean `at`?", map[string]any{"allowed": []any{"at"}, "suggestion": "at"}),
		"at=%zz": {"invalid-request", "The request is invalid", 400, `the query of the URL is malformed: invalid URL escape "%zz"`, nil},
	} {
		w, q := httptest.NewRecorder(), request{path: orders + "/" + theID}.make()
		q.URL.RawQuery = query
		r.ServeHTTP(w, q)
		wantProblem(t, w, orders+"/"+theID, want)
	}
	r.views.err = &domain.FieldError{Field: "at", Expected: "a version from 1 to 8, which is the last", Got: "9"}
	wantProblem(t, do(t, r, request{path: orders + "/" + theID + "?at=9"}), orders+"/"+theID, invalid("query", "at", "a version from 1 to 8, which is the last", "9"))
	r.views.err = domain.ErrNotFound
	if w := do(t, r, request{path: orders + "/" + theID + "?at=2001-01-01T00:00:00Z"}); w.Code != http.StatusNotFound {
		t.Errorf("before it was placed: %d %s", w.Code, w.Body)
	}
}

func TestAPI_list(t *testing.T) {
	r := newRig()
	t.Run("a page", func(t *testing.T) {
		r.views.page = projections.Page{Orders: []projections.OrderView{failedOrder(), failedOrder()}, NextCursor: "abc"}
		w := do(t, r, request{path: orders})
		wantBody(t, w, http.StatusOK, `{"orders":[`+failedOrderJSON+","+failedOrderJSON+`],"next_cursor":"abc"}`+"\n")
		wantHeader(t, w, "Content-Type", "application/json")
		wantHeader(t, w, "Content-Length", strconv.Itoa(w.Body.Len())) // so that it is not sent in chunks
	})
	t.Run("the end", func(t *testing.T) {
		r.views.page = projections.Page{}
		wantBody(t, do(t, r, request{path: orders}), http.StatusOK, `{"orders":[],"next_cursor":null}`+"\n")
	})
}

func TestAPI_list_filter(t *testing.T) {
	def := projections.Filter{Limit: 50}
	for query, want := range map[string]projections.Filter{
		"":                                    def,
		"status=&step=&node=&limit=&cursor=":  def,
		"status=RollingBack":                  {Status: []domain.Status{domain.StatusRollingBack}, Limit: 50},
		"step=PreProcessing":                  {Step: []domain.Step{domain.PreProcessing}, Limit: 50},
		"node=n%201":                          {Node: []string{"n 1"}, Limit: 50},
		"status=Failed&status=&status=Parked": {Status: []domain.Status{domain.StatusFailed, domain.StatusParked}, Limit: 50},
		"step=Scheduling&node=a&node=b&step=Processing": {
			Step: []domain.Step{domain.Scheduling, domain.Processing}, Node: []string{"a", "b"}, Limit: 50,
		},
		"tracking_id=T%26%C5%BC": {TrackingID: "T&ż", Limit: 50},
		"limit=1":                {Limit: 1},
		"limit=200":              {Limit: 200},
		"cursor=x-_":             {Cursor: "x-_", Limit: 50},
		"placed_after=2026-01-31T12:00:00Z&placed_before=2026-01-31T14:00:00.123456%2B01:00": {
			PlacedAfter: at.Truncate(time.Second), PlacedBefore: at.Add(time.Hour), Limit: 50,
		},
	} {
		t.Run(query, func(t *testing.T) {
			r := newRig()
			if w := do(t, r, request{path: orders + "?" + query}); w.Code != http.StatusOK {
				t.Fatal(w.Code, w.Body)
			}
			if !reflect.DeepEqual(r.views.filter, want) {
				t.Errorf("filter %+v, want %+v", r.views.filter, want)
			}
		})
	}
}

func TestAPI_list_refuses(t *testing.T) {
	params := []string{"status", "step", "node", "placed_after", "placed_before", "tracking_id", "limit", "cursor"}
	const (
		statuses = "one of Pending, Scheduling, PreProcessing, Processing, PostProcessing, RollingBack, Completed, Failed, Cancelled, Parked"
		steps    = "one of Scheduling, PreProcessing, Processing, PostProcessing"
		instant  = "a time of RFC 3339, such as 2026-01-31T12:00:00Z (a + as %2B)"
		number   = "a whole number from 1 to 200"
	)
	for query, want := range map[string]problem{
		"limit=0":                          invalid("query", "limit", number, `"0"`),
		"limit=201":                        invalid("query", "limit", number, `"201"`),
		"limit=-1":                         invalid("query", "limit", number, `"-1"`),
		"limit=1.5":                        invalid("query", "limit", number, `"1.5"`),
		"limit=many":                       invalid("query", "limit", number, `"many"`),
		"limit=" + strings.Repeat("9", 99): invalid("query", "limit", number, `"`+strings.Repeat("9", 64)+`..."`),
		"status=failed":                    invalid("query", "status", statuses, `"failed"`),
		"step=Pending":                     invalid("query", "step", steps, `"Pending"`),
		"placed_after=yesterday":           invalid("query", "placed_after", instant, `"yesterday"`),
		"placed_before=2026-01-31T12:00:00+01:00": invalid("query", "placed_before", instant, `"2026-01-31T12:00:00 01:00"`),
		"placed_before=9999-01-01T00:00:00Z":      invalid("query", "placed_before", instant, `"9999-01-01T00:00:00Z"`),
		"placed_after=0000-01-01T00:00:00Z":       invalid("query", "placed_after", instant, `"0000-01-01T00:00:00Z"`),
		"placed_before=2026-01-31":                invalid("query", "placed_before", instant, `"2026-01-31"`),
		"node=%FF":                                invalid("query", "node", "text in UTF-8", "other bytes"),
		"status=Failed&status=failed":             invalid("query", "status", statuses, `"failed"`),
		"node=0" + nodes(101): {"invalid-request", "The request is invalid", 400,
			"`status`, `step` and `node` have 101 combinations of their values: at most 100 are allowed", nil},
		"limit=1&limit=2":     repeated("query", "limit"),
		"Limit=1":             unknown("query", "parameter", "Limit", ": did you mean `limit`?", map[string]any{"allowed": params, "suggestion": "limit"}),
		"stauts=Failed&zzz=1": unknown("query", "parameter", "stauts", ": did you mean `status`?", map[string]any{"allowed": params, "suggestion": "status"}),
		"offset=10":           unknown("query", "parameter", "offset", " (there are: "+strings.Join(params, ", ")+")", map[string]any{"allowed": params}),
		"a=1;b=2":             {"invalid-request", "The request is invalid", 400, "the query of the URL is malformed: invalid semicolon separator in query", nil},
		"node=%zz":            {"invalid-request", "The request is invalid", 400, `the query of the URL is malformed: invalid URL escape "%zz"`, nil},
	} {
		t.Run(query, func(t *testing.T) {
			w := httptest.NewRecorder()
			q := request{path: orders}.make()
			q.URL.RawQuery = query
			newRig().ServeHTTP(w, q)
			wantProblem(t, w, orders, want)
		})
	}
	t.Run("cursor", func(t *testing.T) {
		r := newRig()
		r.views.err = errors.Join(domain.ErrInvalid, errors.New("cursor"))
		w := do(t, r, request{path: orders + "?cursor=made-up"})
		wantProblem(t, w, orders, invalid("query", "cursor", "the next_cursor of an earlier answer", "another text"))
	})
}

// nodes is a query for n nodes in all, with one that it follows.
func nodes(n int) (query string) {
	for i := 1; i < n; i++ {
		query += "&node=" + strconv.Itoa(i)
	}
	return query
}

func TestAPI_events(t *testing.T) {
	store := &fakeStore{}
	r := newRig(fixedID(store), func(c *httpapi.APIConfig) { c.History = store })
	do(t, r, post(`{"tracking_id":"T-<1>","detail":{"n":12345678901234567890.10,"h":"<b>&"}}`))
	w := do(t, r, request{path: "/v1/orders/" + theID + "/events"})
	wantBody(t, w, http.StatusOK, `[{"position":1,"partition":0,"version":1,"type":"OrderPlaced",`+
		`"data":{"tracking_id":"T-<1>","detail":{"n":12345678901234567890.10,"h":"<b>&"}},`+
		`"metadata":{"schema":2,"actor":"customer","node":"node-1","correlation_id":"corr-1"},`+
		`"recorded_at":"2026-01-31T12:00:00.123456Z","hash":"`+strings.Repeat("ab", 32)+`"}]`+"\n")
	wantHeader(t, w, "Content-Type", "application/json")
}
