package console

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"orderflow/domain"
	"orderflow/handlers/diagnosis"
)

// anOrder has one order, and says so of it.
type anOrder struct {
	events   []domain.Recorded
	unread   error
	answer   diagnosis.Answer
	untold   error
	diagnose bool // by the events
}

func (o anOrder) Load(context.Context, domain.OrderID) ([]domain.Recorded, error) {
	return o.events, o.unread
}

func (o anOrder) Diagnose(_ context.Context, id domain.OrderID) (diagnosis.Answer, error) {
	if o.diagnose {
		return diagnosis.Diagnose(diagnosis.Facts{OrderID: id, Events: o.events, Now: after(100)}), nil
	}
	return o.answer, o.untold
}

// get asks for a page of an order: path is what follows the path of the order.
func (o anOrder) get(t *testing.T, path string) (Page, error) {
	t.Helper()
	router := mux.NewRouter()
	var answer Page
	var failed error
	for _, route := range New(Config{History: o, Diagnoses: o}).Routes() {
		router.Path(route.Path).Methods(route.Method).HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			answer, failed = route.Serve(r)
		})
	}
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, Home+"/orders/"+anID().String()+path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("there is no %s: %d", path, w.Code)
	}
	return answer, failed
}

// page is the text of a page.
func (o anOrder) page(t *testing.T, path string) string {
	t.Helper()
	p, err := o.get(t, path)
	if err != nil {
		t.Fatal(err)
	}
	return string(p.Body)
}

func wantText(t *testing.T, page string, all ...string) {
	t.Helper()
	for _, text := range all {
		if !strings.Contains(page, text) {
			t.Errorf("it lacks %s", text)
		}
	}
}

func TestOrder_courses(t *testing.T) {
	for name, c := range courses {
		t.Run(name, func(t *testing.T) {
			o := anOrder{events: history(c.events...), diagnose: true}
			wantText(t, o.page(t, ""), `<h2 id="gh">Waits and runs`, "What you can do", `id="event-1"`, anID().String())
		})
	}
}

const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`

// TestOrder_hostile: texts of others are texts.
func TestOrder_hostile(t *testing.T) {
	detail, err := json.Marshal(map[string]string{evil: evil})
	if err != nil {
		t.Fatal(err)
	}
	events := history(
		happened{0, domain.OrderPlaced{TrackingID: evil, Customer: evil, Detail: detail}}, start(1, s1, 1, evil), stopped(2, 1, evil, evil),
		happened{2, domain.OrderParked{Step: s1, Reason: evil}}, happened{3, domain.OrderCancelRequested{Reason: evil}},
	)
	for i := range events {
		m := &events[i].Metadata
		m.Actor, m.Node, m.RunBy = evil, evil, evil
	}
	o := anOrder{events: events, answer: diagnosis.Answer{
		Verdict: evil, Reason: evil, Summary: evil, Others: []diagnosis.Reason{evil}, Next: diagnosis.Next{What: evil}, AsOf: after(9),
		Actions: []diagnosis.Action{{Command: evil, Effect: evil}}, Gaps: []diagnosis.Gap{{Part: evil, Why: evil}},
		Evidence: diagnosis.Evidence{Node: evil, LastError: evil, Letter: evil, Faults: []string{evil}},
	}}
	for _, path := range []string{"", "?at=2", "?at=1&before=3"} {
		page := strings.ToLower(o.page(t, path))
		if strings.Contains(page, "<script") || strings.Contains(page, "<img") {
			t.Errorf("%q has it as it is", path)
		}
		wantText(t, page, "&lt;script&gt;alert(1)")
	}
	o.untold = fmt.Errorf("%w: %s", domain.ErrUnavailable, evil)
	if page := o.page(t, ""); strings.Contains(page, "<script") {
		t.Error("of a diagnosis that failed")
	}
}

// TestOrder_large: a page shows the beginning of what is long, and says where the whole is.
func TestOrder_large(t *testing.T) {
	detail := json.RawMessage(`"` + strings.Repeat("é", 500_000) + `"`)
	long := strings.Repeat("ü", 4000)
	o := anOrder{events: history(happened{0, domain.OrderPlaced{Detail: detail}}, start(1, s1, 1, "a"), happened{2, domain.StepFailed{Step: s1, Attempt: 1, Node: "a", Error: long}}), diagnose: true}
	page := o.page(t, "")
	if len(page) > 50_000 || strings.Contains(page, "\ufffd") {
		t.Errorf("the page has %d bytes", len(page))
	}
	wantText(t, page, "/detail.json\">All 1,000,002 bytes of it", `/events/3.json">all of it`)
	if whole := o.page(t, "/detail.json"); whole != string(detail)+"\n" {
		t.Errorf("the whole has %d bytes", len(whole))
	}
}

// TestOrder_events: the newest come first, by hundred.
func TestOrder_events(t *testing.T) {
	all := []happened{placed}
	for n := 1; n <= 125; n++ {
		all = append(all, start(float64(n), s1, n, "a"), stopped(float64(n)+.5, n, "a", fmt.Sprint(n)))
	}
	o := anOrder{events: history(all...), diagnose: true}
	first := o.page(t, "")
	wantText(t, first, "251 to 152 of 251", `id="event-152"`, `?before=152#events`, "The first ")
	if strings.Contains(first, `id="event-151"`) || strings.Contains(first, "Newest") {
		t.Error("it is longer than a page")
	}
	wantText(t, o.page(t, "?before=152"), "151 to 52 of 251", `?before=52#events`, "Newest")
	if last := o.page(t, "?before=52"); strings.Contains(last, "before=1#") || !strings.Contains(last, "51 to 1 of 251") {
		t.Error("the last page")
	}
}

// TestOrder_at: the state after an event, or at a time.
func TestOrder_at(t *testing.T) {
	o := anOrder{events: history(courses["failed and rolled back"].events...), diagnose: true}
	for _, at := range []string{"5", "2026-01-31T12:00:05Z"} {
		page := o.page(t, "?at="+at)
		wantText(t, page, "State at version 5 of 8", "?at=4#state", "?at=6#state", "--at 5")
		wantText(t, o.page(t, "/order.json?at="+at), `"status":"RollingBack"`)
	}
	for _, at := range []string{"9", "never", "2026-01-31T11:00:00Z"} {
		if _, err := o.get(t, "?at="+at); err == nil {
			t.Errorf("there is a state at %s", at)
		}
	}
}

func TestOrder_figures(t *testing.T) {
	o := anOrder{events: history(happened{0, domain.OrderPlaced{TrackingID: "=1+1"}}, start(1, s1, 1, "@a"), stopped(2.25, 1, "@a", "-x")), diagnose: true}
	for path, want := range map[string]string{
		"/events.json":   `{"position":101,"partition":0,"version":2,"type":"StepStarted","data":{"step":"Scheduling","attempt":1,"node":"@a"},"metadata":{"schema":1,"actor":"worker","node":"n"},"recorded_at":"2026-01-31T12:00:01Z","hash":"01"}`,
		"/events/2.json": `{"position":101,`,
		"/events.csv":    `2,2026-01-31T12:00:01Z,StepStarted,"{""step"":""Scheduling"",""attempt"":1,""node"":""@a""}"`,
		"/course.json":   `"seconds": 1.25`,
		"/state.json":    `"status": "Interrupted"`,
		"/state.csv":     `Scheduling,Interrupted,1,'@a,2026-01-31T12:00:01Z,2026-01-31T12:00:02.25Z,,'-x`,
		"/course.csv":    `Scheduling,false,1,1,'@a,Interrupted,'-x,lost,2026-01-31T12:00:01Z,2026-01-31T12:00:02.25Z,1.25`,
	} {
		page := o.page(t, path)
		wantText(t, page, want)
		if strings.HasSuffix(path, ".csv") {
			if _, err := csv.NewReader(strings.NewReader(page)).ReadAll(); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		} else if !json.Valid([]byte(page)) {
			t.Errorf("%s is no JSON", path)
		}
	}
	if _, err := o.get(t, "/events/4.json"); err == nil {
		t.Error("there is an event that there is not")
	}
}

// TestOrder_unread: what is known is shown, and what is not is said.
func TestOrder_unread(t *testing.T) {
	fault := fmt.Errorf("%w: event 3 is no JSON", domain.ErrCorrupt)
	listed := diagnosis.Answer{Verdict: diagnosis.Inconsistent, Reason: diagnosis.UnknownOrder, Summary: "lists have it", AsOf: after(1)}
	wantText(t, anOrder{unread: fault, answer: listed}.page(t, ""), "event 3 is no JSON", "Lists have it")
	wantText(t, anOrder{unread: domain.ErrNotFound, answer: listed}.page(t, ""), "Lists have it")
	if _, err := (anOrder{unread: domain.ErrNotFound, answer: diagnosis.Answer{Verdict: diagnosis.Unknown}}).get(t, ""); err == nil {
		t.Error("an order that nobody knows has a page")
	}
	hole := history(placed, start(1, s1, 1, "a"), done(2, s1, 1, "a"))
	wantText(t, anOrder{events: append(hole[:1:1], hole[2]), answer: listed}.page(t, ""), "cannot be shown")
	page := anOrder{events: hole, untold: domain.ErrUnavailable}.page(t, "")
	wantText(t, page, "could not be told", "Waits and runs")
	if strings.Contains(page, "style=") {
		t.Error("it has inline style")
	}
}
