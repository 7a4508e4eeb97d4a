package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/handlers/diagnosis"
	"orderflow/transport/httpapi"
)

const diagnosisPath = "/v1/orders/" + theID + "/diagnosis"

// diagnosing is an admin interface that diagnoses so.
func diagnosing(d *fakeDiagnoses) http.Handler {
	return newAdmin(&fakeNode{}, func(c *httpapi.AdminConfig) { c.Diagnoses = d })
}

func TestAdmin_diagnosis(t *testing.T) {
	left, version, unusual := -3.5, 0, true
	d := &fakeDiagnoses{answer: diagnosis.Answer{
		Verdict: diagnosis.Waiting, Reason: diagnosis.OwnerLost, Summary: "node w is gone", Others: []diagnosis.Reason{diagnosis.ViewBehind}, Since: at, Unusual: &unusual,
		Evidence: diagnosis.Evidence{
			Status: domain.Status(domain.Scheduling), Step: domain.Scheduling, Version: 2, Position: 7, LastEvent: "StepStarted", LastEventAt: at, Message: "workers:scheduling/0/6",
			Node: "w", Epoch: 3, Attempt: 1, Heartbeat: at, LeaseLeft: &left, Usual: &diagnosis.Usual{Count: 200, P50: 1.5, P99: 9}, Place: &diagnosis.Place{Before: 4, More: true, AsOf: at}, Workers: &diagnosis.Workers{Nodes: 1, Slots: 5, Busy: 5}, ViewVersion: &version,
		},
		Next: diagnosis.Next{What: "a node takes it over", NotBefore: at}, Actions: []diagnosis.Action{{Command: "orderflow nodes list", Effect: "shows <nodes>"}}, AsOf: at,
		Gaps: []diagnosis.Gap{{Part: diagnosis.PartMoment, Why: "w"}},
	}}
	const when = `"2026-01-31T12:00:00.123456Z"`
	wantBody(t, do(t, diagnosing(d), request{path: diagnosisPath}), http.StatusOK, `{"order_id":"`+theID+`","verdict":"waiting","reason":"owner_lost","summary":"node w is gone","other_reasons":["view_behind"],"since":`+when+`,"unusual":true,`+
		`"evidence":{"status":"Scheduling","step":"Scheduling","version":2,"partition":0,"position":7,"last_event":"StepStarted","last_event_at":`+when+`,"message":"workers:scheduling/0/6","node":"w","epoch":3,"attempt":1,`+
		`"heartbeat_at":`+when+`,"lease_left_seconds":-3.5,"usual":{"count":200,"p50_seconds":1.5,"p99_seconds":9},"place_in_queue":{"about_before":4,"more":true,"as_of":`+when+`},"workers":{"nodes":1,"draining":0,"slots":5,"busy":5},"view_version":0},`+
		`"next":{"what":"a node takes it over","not_before":`+when+`},"actions":[{"command":"orderflow nodes list","effect":"shows <nodes>"}],"as_of":`+when+`,"could_not_be_read":[{"part":"moment","why":"w"}]}`+"\n")
}

func TestAdmin_diagnosis_problems(t *testing.T) {
	unknown := diagnosis.Diagnose(diagnosis.Facts{OrderID: anID(), Now: at})
	wantProblem(t, do(t, diagnosing(&fakeDiagnoses{answer: unknown}), request{path: diagnosisPath}), diagnosisPath, problem{
		"order-not-found", "There is no such order", 404,
		"there is no order " + theID + ": if you have its tracking id, look for it with `GET /v1/orders?tracking_id=ID` at the customers' API", map[string]any{"order_id": theID},
	})
	if w := do(t, diagnosing(&fakeDiagnoses{answer: listedOnly}), request{path: diagnosisPath}); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"verdict":"inconsistent","reason":"unknown_order"`) {
		t.Errorf("of an order that lists have and the log has not: %d %s", w.Code, w.Body)
	}
	wantProblem(t, do(t, diagnosing(&fakeDiagnoses{}), request{path: "/v1/orders/4711/diagnosis"}), "/v1/orders/4711/diagnosis", problem{
		"invalid-value", "A value is not what it must be", 400,
		"`id` must be an order id, a UUID of the form 8-4-4-4-12 hexadecimal digits, got 4711",
		map[string]any{"in": "path", "field": "id", "expected": "an order id, a UUID of the form 8-4-4-4-12 hexadecimal digits"},
	})
	away := fmt.Errorf("%w: the server said no", domain.ErrUnavailable)
	wantProblem(t, do(t, diagnosing(&fakeDiagnoses{err: away}), request{path: diagnosisPath}), diagnosisPath, problem{
		"unavailable", "The database cannot answer now", 503, "the request could not be carried out now; it may be repeated", nil,
	})
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w := do(t, diagnosing(&fakeDiagnoses{hang: true}), request{path: diagnosisPath})
		if took := time.Since(began); w.Code != http.StatusServiceUnavailable || took != 5*time.Second {
			t.Errorf("of a database that hangs: %d after %s", w.Code, took)
		}
	})
}

// TestOpenAPI_reasons: the document names the reasons in their order.
func TestOpenAPI_reasons(t *testing.T) {
	reasons := loadContracts()[1].at("/components/schemas/Reason/enum").([]any)
	var described []diagnosis.Reason
	for _, r := range reasons {
		described = append(described, diagnosis.Reason(r.(string)))
	}
	if !slices.Equal(described, diagnosis.Reasons()) {
		t.Errorf("described are %v, want %v", described, diagnosis.Reasons())
	}
}
