package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/handlers/diagnosis"
	"orderflow/transport/httpapi"
)

// fakeSurveys has one survey, and so many orders that are parked.
type fakeSurveys struct {
	survey diagnosis.Survey
	parked int
	own    bool
	err    error
}

func (f *fakeSurveys) Latest(context.Context) (diagnosis.Survey, error) { return f.survey, f.err }

func (f *fakeSurveys) ListedAt(context.Context) (time.Time, error) { return f.survey.AsOf, f.err }

func (f *fakeSurveys) Page(_ context.Context, reason diagnosis.Reason, after domain.OrderID, most int) (all []diagnosis.Finding, _ error) {
	all = []diagnosis.Finding{}
	for n := int(after[15]) + 1; n <= f.parked && len(all) < most && reason == diagnosis.IsParked; n++ {
		all = append(all, diagnosis.Finding{OrderID: domain.OrderID{15: byte(n)}, Reason: reason, Verdict: diagnosis.Blocked, Since: at})
	}
	return all, f.err
}

func (f *fakeSurveys) Own() (*diagnosis.Survey, time.Duration) {
	if !f.own {
		return nil, 0
	}
	return &f.survey, 1500 * time.Millisecond
}

// aSurvey found three orders that are parked.
func aSurvey() *fakeSurveys {
	return &fakeSurveys{parked: 3, own: true, survey: diagnosis.Survey{
		AsOf: at, Age: 2.5, Node: "n", Looked: 3, More: true, Gaps: []diagnosis.Gap{}, Traffic: &diagnosis.Traffic{},
		Reasons: []diagnosis.Count{{Reason: diagnosis.IsParked, Verdict: diagnosis.Blocked, Orders: 3, Since: at, Examples: []domain.OrderID{anID()}}},
	}}
}

func surveying(f *fakeSurveys) http.Handler {
	return newAdmin(&fakeNode{}, func(c *httpapi.AdminConfig) { c.Surveys = f })
}

const when, id1 = `"2026-01-31T12:00:00.123456Z"`, "00000000-0000-0000-0000-000000000001"

func TestAdmin_diagnoses(t *testing.T) {
	const path = "/v1/diagnoses"
	h := surveying(aSurvey())
	wantBody(t, do(t, h, request{path: path}), http.StatusOK, `{"as_of":`+when+`,"age_seconds":2.5,"node":"n","looked_at":3,"more":true,`+
		`"reasons":[{"reason":"parked","verdict":"blocked","orders":3,"oldest_since":`+when+`,"examples":["`+theID+`"]}],"could_not_be_read":[]}`+"\n")
	wantBody(t, do(t, h, request{path: path + "?reason=parked&limit=1"}), http.StatusOK, `{"as_of":`+when+`,"reason":"parked",`+
		`"orders":[{"order_id":"`+id1+`","reason":"parked","verdict":"blocked","since":`+when+`}],"next_cursor":"`+id1+`"}`+"\n")
	wantBody(t, do(t, h, request{path: path + "?reason=running"}), http.StatusOK, `{"as_of":`+when+`,"reason":"running","listed_after_seconds":15,"orders":[],"next_cursor":null}`+"\n")
	for query, next := range map[string]string{"reason=parked&limit=2&cursor=" + id1: "null", "reason=parked": "null", "reason=running": "null"} {
		if w := do(t, h, request{path: path + "?" + query}); w.Code != http.StatusOK || !strings.HasSuffix(w.Body.String(), `"next_cursor":`+next+"}\n") {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	for _, query := range []string{"limit=1", "reason=late", "reason=parked&limit=0", "reason=parked&cursor=x", "x=1", "reason=parked&reason=running", "%"} {
		if w := do(t, h, request{path: path + "?" + query}); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	if w := do(t, surveying(&fakeSurveys{err: domain.ErrUnavailable}), request{path: path}); w.Code != http.StatusServiceUnavailable {
		t.Errorf("of a database that is away: %d %s", w.Code, w.Body)
	}
}

// TestMetrics_waiting: the node that looks for all has the figures, and no other.
func TestMetrics_waiting(t *testing.T) {
	of := aSurvey()
	text := do(t, surveying(of), request{path: "/metrics"}).Body.String()
	for _, want := range []string{"orderflow_orders_waiting{reason=\"parked\"} 3\n", "orderflow_orders_waiting_age_seconds 1.5\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	of.own = false
	if text := do(t, surveying(of), request{path: "/metrics"}).Body.String(); strings.Contains(text, "orderflow_orders_waiting") {
		t.Error("a node that does not look has figures")
	}
}
