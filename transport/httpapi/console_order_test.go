package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/diagnosis"
	"orderflow/projections"
	"orderflow/transport/httpapi"
)

// TestConsole_order: the admin listener has the pages of orders, and failures of theirs as pages.
func TestConsole_order(t *testing.T) {
	store := &fakeStore{}
	if _, err := store.Append(t.Context(), work.Unit{OrderID: anID(), Events: []domain.Event{domain.OrderPlaced{TrackingID: "B2B-1"}}}); err != nil {
		t.Fatal(err)
	}
	views := &fakeViews{page: projections.Page{Orders: []projections.OrderView{{OrderID: anID(), TrackingID: "B2B-1", Status: domain.StatusPending, PlacedAt: at}}}}
	h := newAdmin(aNode(), func(c *httpapi.AdminConfig) {
		c.History, c.Lists, c.Diagnoses = store, views, &fakeDiagnoses{answer: diagnosis.Answer{Verdict: diagnosis.Unknown}}
	})
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/ui/orders":                             {http.StatusOK, `href="/ui/orders/` + theID + `">B2B-1`},
		"/ui/orders/" + theID:                    {http.StatusOK, "Order B2B-1"},
		"/ui/orders/" + theID + "?at=2":          {http.StatusBadRequest, "which is the last, got 2"},
		"/ui/orders/" + theID + "/events.csv":    {http.StatusOK, "OrderPlaced"},
		"/ui/orders/" + theID + "/events/2.json": {http.StatusNotFound, "Not Found"},
		"/ui/orders/" + noID:                     {http.StatusNotFound, "There is no such order"},
		"/ui/orders/4711":                        {http.StatusBadRequest, "an order id"},
	} {
		w := browse(t, h, http.MethodGet, path)
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s has no policy", path)
		}
	}
}
