package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"orderflow/domain"
	"orderflow/projections"
)

// someOrders are in lists.
type someOrders struct {
	page projections.Page
	err  error
	got  *projections.Filter // of the last list
}

func (o someOrders) Get(_ context.Context, id domain.OrderID) (projections.OrderView, error) {
	for _, one := range o.page.Orders {
		if one.OrderID == id {
			return one, nil
		}
	}
	return projections.OrderView{}, domain.ErrNotFound
}

func (o someOrders) List(_ context.Context, f projections.Filter) (projections.Page, error) {
	*o.got = f
	return o.page, o.err
}

// ask asks for the list: path is what follows its path.
func (o someOrders) ask(t *testing.T, path string) (Page, error) {
	t.Helper()
	router := mux.NewRouter()
	var answer Page
	var failed error
	for _, route := range New(Config{Orders: o}).Routes() {
		router.Path(route.Path).Methods(route.Method).HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { answer, failed = route.Serve(r) })
	}
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, ordersPath+path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("there is no %s: %d", path, w.Code)
	}
	return answer, failed
}

// listing are two orders, one of them with texts that are no markup.
func listing(t *testing.T) someOrders {
	t.Helper()
	failed, err := domain.Fold(history(courses["failed and rolled back"].events...))
	if err != nil {
		t.Fatal(err)
	}
	hostile, err := domain.Fold(history(happened{0, domain.OrderPlaced{TrackingID: evil}}, start(1, s1, 1, evil), stopped(2, 1, evil, "="+evil)))
	if err != nil {
		t.Fatal(err)
	}
	return someOrders{page: projections.Page{Orders: []projections.OrderView{projections.ViewOf(failed), projections.ViewOf(hostile)}, NextCursor: "c+1"}, got: &projections.Filter{}}
}

func TestOrders(t *testing.T) {
	o := listing(t)
	p, err := o.ask(t, "?status=open&node=n%261")
	if err != nil {
		t.Fatal(err)
	}
	page := string(p.Body)
	wantText(t, page, `href="/ui/orders/`+anID().String()+`">B2B-1</a>`, "7.00 s", "so far", `href="/ui/orders?cursor=c%2B1&amp;node=n%261&amp;status=open"`,
		`href="/ui/orders?node=n%261&amp;status=Parked"`, `<option value="open" selected>`, `/ui/orders.csv?node=n%261&amp;status=open`, "&lt;script&gt;")
	if strings.Contains(page, "<script") || strings.Contains(page, "Newest") || strings.Contains(page, "style=") {
		t.Error("it has what it must not have")
	}
	want := projections.Filter{Node: []string{"n&1"}, Status: []domain.Status{
		"Pending", "Scheduling", "PreProcessing", "Processing", "PostProcessing", "RollingBack",
	}}
	if !reflect.DeepEqual(*o.got, want) {
		t.Errorf("asked for %+v", *o.got)
	}
	q := url.Values{"q": {" B2B-1 "}, "status": {"Failed"}, "step": {"Processing"}, "placed_after": {"2026-01-31 12:00"}, "placed_before": {"2026-02-01T00:00:00+01:00"}, "cursor": {"x"}}
	p, err = o.ask(t, "?"+q.Encode())
	want = projections.Filter{
		TrackingID: "B2B-1", Status: []domain.Status{"Failed"}, Step: []domain.Step{s3}, PlacedAfter: t0, PlacedBefore: t0.Add(11 * 3600e9), Cursor: "x",
	}
	wantText(t, string(p.Body), `"/ui/orders?placed_after=2026-01-31&#43;12%3A00&amp;placed_before=2026-02-01T00%3A00%3A00%2B01%3A00&amp;q=&#43;B2B-1&#43;&amp;status=Parked&amp;step=Processing"`)
	if err != nil || !reflect.DeepEqual(*o.got, want) || !strings.Contains(string(p.Body), "Newest") {
		t.Errorf("asked for %+v, %v", *o.got, err)
	}
}

func TestOrders_files(t *testing.T) {
	o := listing(t)
	p, err := o.ask(t, ".csv?status=Failed")
	wantText(t, string(p.Body), anID().String()+",B2B-1,,Failed,,1,b,2026-01-31T12:00:00Z,2026-01-31T12:00:01Z,2026-01-31T12:00:07Z,8,no steel\r\n", `"'=<script>`)
	if err != nil || o.got.Status[0] != "Failed" {
		t.Errorf("asked for %+v, %v", *o.got, err)
	}
	p, err = o.ask(t, ".json")
	wantText(t, string(p.Body), `"as_of"`, `"orders": [`, `"error": "no steel"`)
	if err != nil {
		t.Error(err)
	}
}

// TestOrders_id: the id of an order finds it, and is no tracking id.
func TestOrders_id(t *testing.T) {
	o := listing(t)
	p, err := o.ask(t, "?q="+anID().String())
	if wantText(t, string(p.Body), "1 order on this page"); err != nil || o.got.TrackingID != "" {
		t.Errorf("%v, %+v", err, *o.got)
	}
	p, err = o.ask(t, "?q=01890a5d-ac96-774b-bcce-000000000000")
	if wantText(t, string(p.Body), "No order matches"); err != nil {
		t.Error(err)
	}
}

func TestOrders_refused(t *testing.T) {
	o := listing(t)
	var field *domain.FieldError
	if _, err := o.ask(t, "?placed_after=soon"); !errors.As(err, &field) || field.Field != "placed_after" {
		t.Errorf("of a time that is none: %v", err)
	}
	o.err = fmt.Errorf("%w: status", domain.ErrInvalid)
	if _, err := o.ask(t, "?status=Lost"); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("of a status that there is not: %v", err)
	}
}
