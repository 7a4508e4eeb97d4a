package console

import (
	"net/http"

	"orderflow/handlers/diagnosis"
	"orderflow/projections/cluster"
)

// overview is what the first page shows.
type overview struct {
	cluster.Answer
	Survey   diagnosis.Survey
	Unlisted string // why there is no survey; empty if there is one
}

func (c *Console) look(r *http.Request) (v overview, err error) {
	if v.Answer, err = c.conf.Cluster.Read(r.Context()); err != nil {
		return v, err
	}
	if v.Survey, err = c.conf.Surveys.Latest(r.Context()); err != nil {
		v.Unlisted = err.Error()
	}
	return v, nil
}

// overview answers with the first page.
func (c *Console) overview(r *http.Request) (Page, error) {
	v, err := c.look(r)
	if err != nil {
		return Page{}, err
	}
	return page(r, "overview.html", Head{Title: "Overview", Here: Home, AsOf: v.AsOf}, v)
}
