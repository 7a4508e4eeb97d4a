package projections

import (
	"testing"

	"orderflow/domain"
	"orderflow/projections/internal/logtest"
	"orderflow/projections/tail"
	"orderflow/schema"
)

var (
	must        = logtest.Must
	start       = logtest.Start
	complete    = logtest.Complete
	fail        = logtest.Fail
	interrupted = logtest.Interrupted
	random      = logtest.Random
)

// fixture is a log with views of it.
type fixture struct {
	*logtest.Fixture
	views *Views
}

func newFixture(t testing.TB, db *schema.DB) *fixture {
	t.Helper()
	f := logtest.New(t, db)
	return &fixture{Fixture: f, views: NewViews(db, f.Store)}
}

// project applies the log to its heads.
func (f *fixture) project(conf tail.Config) *tail.Projector {
	f.T.Helper()
	p := tail.NewProjector(f.DB, f.Store, conf)
	_, err := p.Round(f.T.Context())
	must(f.T, err)
	return p
}

// fold is the view of an order, from its stream.
func (f *fixture) fold(id domain.OrderID) OrderView {
	f.T.Helper()
	events, err := f.Load(f.T.Context(), id)
	must(f.T, err)
	o, err := domain.Fold(events)
	must(f.T, err)
	return ViewOf(o)
}

// list is a page, which must be the same by AppendJSON.
func (f *fixture) list(filter Filter) Page {
	f.T.Helper()
	page, err := f.views.List(f.T.Context(), filter)
	must(f.T, err)
	text := page.AppendJSON([]byte("before"))
	if got, want := string(text), "before"+toJSON(f.T, page); got != want {
		f.T.Fatalf("the page goes out as\n%s\nwant\n%s", got, want)
	}
	return page
}

// stepsOf are the steps of a view.
func stepsOf(t testing.TB, v OrderView) []StepView {
	t.Helper()
	views, err := v.Steps.Views()
	must(t, err)
	return views
}
