package console

import (
	"errors"
	"net/http"
	"slices"

	"orderflow/domain/work"
	"orderflow/handlers/diagnosis"
	"orderflow/handlers/operate"
	"orderflow/projections/cluster"
)

// ErrNoPage says that there is nothing at an address.
var ErrNoPage = errors.New("there is no such page")

// partReasons is the part of the first page that is not of the cluster's answer.
const partReasons = "reasons"

// overview is what the first page shows.
type overview struct {
	cluster.Answer
	Survey diagnosis.Survey
}

func (c *Console) look(r *http.Request) (v overview, err error) {
	if v.Answer, err = c.conf.Cluster.Read(r.Context()); err != nil {
		return v, err
	}
	if v.Survey, err = c.survey.Get(r.Context()); err != nil {
		v.Unread = append(slices.Clone(v.Unread), cluster.Gap{Part: partReasons, Why: err.Error()})
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

// Gap is why a part could not be read; empty if it could.
func (v overview) Gap(part string) string {
	for _, g := range v.Unread {
		if g.Part == part {
			return g.Why
		}
	}
	return ""
}

// Period is what happened in a period; nil if that is not known.
func (v overview) Period(name string) *cluster.Period {
	for i := range v.Last {
		if v.Last[i].Name == name {
			return &v.Last[i]
		}
	}
	return nil
}

// mostWrong is how many things the first page tells of those that are wrong; the rest stands in its tables.
const mostWrong = 8

// WrongFirst are the first things that are wrong, and WrongRest is how many more there are.
func (v overview) WrongFirst() []string { return v.Wrong[:min(len(v.Wrong), mostWrong)] }

// WrongRest is how many things are wrong that WrongFirst does not have.
func (v overview) WrongRest() int { return max(0, len(v.Wrong)-mostWrong) }

// Critical says that an alarm is open that is critical and that nobody has acknowledged.
func (v overview) Critical() bool {
	return slices.ContainsFunc(v.Alarms, func(a cluster.Alarm) bool {
		return a.Severity == string(operate.Critical) && a.State == work.AlarmRaised
	})
}

// enough is how many runs of steps say something of how long they take.
const enough = 20

// Typical is the shortest period that says something of how long steps wait and run; nil if there were none.
func (v overview) Typical() *cluster.Period {
	var some *cluster.Period
	for i := range v.Last {
		var runs int64
		for _, s := range v.Last[i].Steps {
			runs += s.Run.Count
		}
		if runs >= enough {
			return &v.Last[i]
		}
		if runs > 0 {
			some = &v.Last[i]
		}
	}
	return some
}
