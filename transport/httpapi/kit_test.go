package httpapi_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers"
	"orderflow/handlers/diagnosis"
	"orderflow/projections"
	"orderflow/transport/httpapi"
)

const (
	corr   = "corr-1"
	theID  = "01890a5d-ac96-774b-bcce-b302099a8057"
	noID   = "01890a5d-ac96-774b-bcce-000000000000"
	orders = "/v1/orders"
)

// at is when everything in these tests happens.
var at = time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC)

// fakeStore is an event store of first events, with reservations as the real one
// keeps them.
type fakeStore struct {
	mu       sync.Mutex
	appended []work.Unit
	keys     map[string]reservation
	err      error // what Append and Load fail with
}

type reservation struct {
	id          domain.OrderID
	fingerprint [32]byte
}

func (s *fakeStore) Append(_ context.Context, a work.Unit) (work.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return work.Outcome{}, s.err
	}
	for _, r := range a.Reservations {
		if held, taken := s.keys[r.Key]; taken {
			return work.Outcome{}, &domain.DuplicateError{OrderID: held.id, Key: r.Key, Same: held.fingerprint == r.Fingerprint}
		}
	}
	for _, r := range a.Reservations {
		if s.keys == nil {
			s.keys = map[string]reservation{}
		}
		s.keys[r.Key] = reservation{id: a.OrderID, fingerprint: r.Fingerprint}
	}
	s.appended = append(s.appended, a)
	return work.Outcome{}, nil
}

func (s *fakeStore) Load(_ context.Context, id domain.OrderID) ([]domain.Recorded, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	var history []domain.Recorded
	for i, a := range s.appended {
		if a.OrderID == id {
			history = append(history, recorded(i, a)...)
		}
	}
	if history == nil {
		return nil, domain.ErrNotFound
	}
	return history, nil
}

func recorded(before int, a work.Unit) []domain.Recorded {
	var history []domain.Recorded
	for i, e := range a.Events {
		stored, err := domain.Encode(domain.EventLevel, e)
		if err != nil {
			panic(err)
		}
		a.Metadata.Schema = stored.Schema
		meta := domain.EncodeMetadata(a.Metadata)
		history = append(history, domain.Recorded{
			OrderID: a.OrderID, Version: a.Expected + i + 1, Position: int64(before + i + 1), Type: domain.TypeOf(e), Event: e,
			Metadata: a.Metadata, Data: stored.Data, RawMeta: meta, RecordedAt: at, Hash: bytes.Repeat([]byte{0xab}, 32),
		})
	}
	return history
}

// placed is the data of the only event of the order that was placed last.
func (s *fakeStore) placed(t *testing.T) domain.OrderPlaced {
	t.Helper()
	if len(s.appended) == 0 {
		t.Fatal("nothing was placed")
	}
	return s.appended[len(s.appended)-1].Events[0].(domain.OrderPlaced)
}

// fakeViews answers with what it was told to.
type fakeViews struct {
	view   projections.OrderView
	page   projections.Page
	err    error
	filter projections.Filter // of the last page
	moment domain.Moment      // that was asked for last
	hook   func(context.Context)
}

func (v *fakeViews) Get(ctx context.Context, id domain.OrderID) (none projections.OrderView, _ error) {
	if v.hook != nil {
		v.hook(ctx)
	}
	if ctx.Err() != nil {
		return none, ctx.Err()
	}
	if v.err != nil {
		return none, v.err
	}
	if id != v.view.OrderID {
		return none, domain.ErrNotFound
	}
	return v.view, nil
}

func (v *fakeViews) GetAt(_ context.Context, id domain.OrderID, m domain.Moment) (projections.OrderView, error) {
	if v.moment = m; v.err != nil || id != v.view.OrderID {
		return projections.OrderView{}, cmp.Or(v.err, domain.ErrNotFound)
	}
	return v.view, nil
}

func (v *fakeViews) List(_ context.Context, f projections.Filter) (projections.Page, error) {
	v.filter = f
	return v.page, v.err
}

// rig is an API over fakes.
type rig struct {
	store *fakeStore
	views *fakeViews
	http.Handler
}

// placing places orders by what a test gives it.
func placing(c handlers.PlacingConfig) *handlers.Placing {
	p, err := handlers.NewPlacing(c)
	if err != nil {
		panic(err)
	}
	return p
}

// newRig makes an API; change may alter its configuration.
func newRig(change ...func(*httpapi.APIConfig)) *rig {
	r := &rig{store: &fakeStore{}, views: &fakeViews{}}
	c := httpapi.APIConfig{
		Placer: placing(handlers.PlacingConfig{Store: r.store, Node: "node-1"}),
		Views:  r.views, History: r.store,
	}
	for _, f := range change {
		f(&c)
	}
	r.Handler = httpapi.NewAPI(c)
	return r
}

// request is a request to make; the zero value but for path is a GET.
type request struct {
	method, path, body string
	header             map[string]string // an empty value takes a header away
	chunked            bool
	host               string // empty: localhost:8080
}

func post(body string) request { return request{method: http.MethodPost, path: orders, body: body} }

func (q request) with(name, value string) request {
	header := maps.Clone(q.header)
	if header == nil {
		header = map[string]string{}
	}
	header[name] = value
	q.header = header
	return q
}

func (q request) make() *http.Request {
	if q.method == "" {
		q.method = http.MethodGet
	}
	var body io.Reader = strings.NewReader(q.body)
	if q.chunked {
		body = io.MultiReader(body) // of a length that is not known
	}
	r := httptest.NewRequestWithContext(context.Background(), q.method, q.path, body)
	r.Host = cmp.Or(q.host, "localhost:8080")
	r.Header.Set("X-Correlation-ID", corr)
	if q.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		if value == "" {
			r.Header.Del(name)
		} else {
			r.Header.Set(name, value)
		}
	}
	return r
}

// do makes a request and holds the answer against the OpenAPI document.
func do(t *testing.T, h http.Handler, q request) *httptest.ResponseRecorder {
	t.Helper()
	w, r := httptest.NewRecorder(), q.make()
	h.ServeHTTP(w, r)
	checkContract(t, r, w)
	return w
}

// problem is what a problem document must be: its type, title, status and detail, and
// every other member.
type problem struct {
	name    string
	title   string
	status  int
	detail  string
	members map[string]any
}

// wantProblem compares the whole body.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, instance string, want problem) {
	t.Helper()
	members := map[string]any{
		"type": "/problems/" + want.name, "title": want.title, "status": want.status, "detail": want.detail,
		"instance": instance, "correlation_id": corr,
	}
	maps.Copy(members, want.members)
	if w.Code != want.status {
		t.Errorf("status %d, want %d", w.Code, want.status)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	if got, want := parse(t, w.Body.Bytes()), parse(t, marshal(t, members)); !reflect.DeepEqual(got, want) {
		t.Errorf("problem\n%v\nwant\n%v", got, want)
	}
}

func wantBody(t *testing.T, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if w.Code != status || w.Body.String() != body {
		t.Errorf("status %d, body\n%s\nwant %d,\n%s", w.Code, w.Body, status, body)
	}
}

func wantHeader(t *testing.T, w *httptest.ResponseRecorder, name, want string) {
	t.Helper()
	if got := w.Header().Get(name); got != want {
		t.Errorf("header %s is %q, want %q", name, got, want)
	}
}

func parse(t *testing.T, body []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return v
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// listedOnly is the diagnosis of an order that lists have and the log has not.
var listedOnly = diagnosis.Diagnose(diagnosis.Facts{Now: at, View: diagnosis.View{Version: 3}})

// fakeDiagnoses answers with what it was told to.
type fakeDiagnoses struct {
	answer diagnosis.Answer
	err    error
	hang   bool // until the context ends
}

func (d *fakeDiagnoses) Diagnose(ctx context.Context, id domain.OrderID) (diagnosis.Answer, error) {
	if d.hang {
		<-ctx.Done()
		return diagnosis.Answer{}, ctx.Err()
	}
	d.answer.OrderID = id
	return d.answer, d.err
}

// anID is theID.
func anID() domain.OrderID {
	id, err := domain.ParseOrderID(theID)
	if err != nil {
		panic(err)
	}
	return id
}
