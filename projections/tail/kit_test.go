package tail

import (
	"testing"

	"orderflow/projections/internal/logtest"
	"orderflow/projections/internal/viewtest"
	"orderflow/projections/verify"
	"orderflow/schema"
)

var (
	must     = logtest.Must
	start    = logtest.Start
	complete = logtest.Complete
	fail     = logtest.Fail
	random   = logtest.Random
)

// fixture is a log with views of it.
type fixture struct{ *viewtest.Fixture }

func newFixture(t testing.TB, db *schema.DB) *fixture { return &fixture{viewtest.New(t, db)} }

func partitioned(t testing.TB, db *schema.DB) *fixture { return &fixture{viewtest.Partitioned(t, db)} }

// project applies the log to its heads.
func (f *fixture) project(conf Config) *Projector {
	f.T.Helper()
	p := NewProjector(f.DB, f.Store, conf)
	_, err := p.Round(f.T.Context())
	must(f.T, err)
	return p
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
