package rebuild

import (
	"testing"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/projections/internal/logtest"
	"orderflow/projections/internal/viewtest"
	"orderflow/projections/tail"
	"orderflow/projections/verify"
	"orderflow/schema"
)

var (
	must     = logtest.Must
	complete = logtest.Complete
	random   = logtest.Random
)

// fixture is a log with views of it.
type fixture struct {
	*logtest.Fixture
	views *projections.Views
}

func withViews(f *logtest.Fixture) *fixture {
	return &fixture{Fixture: f, views: projections.NewViews(f.DB, f.Store)}
}

func newFixture(t testing.TB, db *schema.DB) *fixture {
	t.Helper()
	return withViews(logtest.New(t, db))
}

// partitioned is newFixture with several partitions in either dialect.
func partitioned(t testing.TB, db *schema.DB) *fixture {
	t.Helper()
	return withViews(logtest.Partitioned(t, db))
}

// project applies the log to its heads.
func (f *fixture) project() {
	f.T.Helper()
	_, err := tail.NewProjector(f.DB, f.Store, tail.Config{}).Round(f.T.Context())
	must(f.T, err)
}

func (f *fixture) sameAsStreams(ids []domain.OrderID) {
	f.T.Helper()
	viewtest.SameAsStreams(f.Fixture, ids)
}

// verify fails the test unless the view is the fold of the events.
func (f *fixture) verify() {
	f.T.Helper()
	r, err := verify.Run(f.T.Context(), f.DB, f.Store, verify.Config{})
	must(f.T, err)
	if !r.Clean() || r.Lagging != 0 {
		f.T.Fatalf("the view is not the fold of the events: %+v", r)
	}
}
