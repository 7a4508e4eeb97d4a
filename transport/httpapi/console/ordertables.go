package console

import (
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"orderflow/domain"
)

// orderTable answers with a table of the page of an order as a file.
func (c *Console) orderTable(r *http.Request) (Page, error) {
	events, err := c.load(r)
	if err != nil {
		return Page{}, err
	}
	var t table
	switch now := time.Now(); mux.Vars(r)["table"] {
	case "course":
		t, err = courseTable(events, now)
	case "state":
		var s stateAt
		s, err = stateOf(events, r.URL.Query())
		t = stateTable(s)
	default:
		t = eventsTable(events, now)
	}
	switch {
	case err != nil:
		return Page{}, err
	case mux.Vars(r)["form"] == "csv":
		return t.csv()
	}
	return t.json()
}

func eventsTable(events []domain.Recorded, now time.Time) table {
	header := []string{"version", "recorded_at", "type", "data", "metadata", "partition", "position", "hash"}
	return tableOf("events", now, eventRows(events), header, func(e eventRow) []any {
		return []any{e.Version, e.RecordedAt, e.Type, string(e.Data), string(e.Metadata), e.Partition, e.Position, e.Hash}
	})
}

// courseRow is a stretch of an attempt.
type courseRow struct {
	Step    domain.Step `json:"step"`
	Undo    bool        `json:"compensation"`
	First   int         `json:"first_attempt"`
	Last    int         `json:"last_attempt"`
	Node    string      `json:"node"`
	Outcome string      `json:"outcome"`
	Why     string      `json:"why"`
	With    spent       `json:"spent"`
	From    time.Time   `json:"from"`
	To      time.Time   `json:"to"`
	Seconds float64     `json:"seconds"`
}

// courseTable has the figures of the picture.
func courseTable(events []domain.Recorded, now time.Time) (table, error) {
	course, err := courseOf(events, now)
	var rows []courseRow
	for _, a := range course.Rows {
		for _, s := range a.Stretches {
			rows = append(rows, courseRow{
				a.Step, a.Undo, a.First, a.Last, a.Node, a.Outcome, a.Why, s.With, s.From, s.To.UTC(), s.length().Seconds(),
			})
		}
	}
	header := []string{"step", "compensation", "first_attempt", "last_attempt", "node", "outcome", "why", "spent", "from", "to", "seconds"}
	return tableOf("course", now, rows, header, func(s courseRow) []any {
		return []any{s.Step, s.Undo, s.First, s.Last, s.Node, s.Outcome, s.Why, s.With, s.From, s.To, s.Seconds}
	}), err
}

// stateRow is a step as it was.
type stateRow struct {
	Step         domain.Step       `json:"step"`
	Status       domain.StepStatus `json:"status"`
	Attempt      int               `json:"attempt"`
	Node         string            `json:"node"`
	StartedAt    time.Time         `json:"started_at,omitzero"`
	CompletedAt  time.Time         `json:"completed_at,omitzero"`
	RolledBackAt time.Time         `json:"rolled_back_at,omitzero"`
	Error        string            `json:"error"`
}

func stateTable(s stateAt) table {
	var rows []stateRow
	for _, one := range s.Steps {
		rows = append(rows, stateRow{
			one.Name, one.Status, one.Attempt, one.Node, one.StartedAt, one.CompletedAt, one.RolledBackAt, one.Error,
		})
	}
	header := []string{"step", "status", "attempt", "node", "started_at", "completed_at", "rolled_back_at", "error"}
	return tableOf("state", s.At, rows, header, func(s stateRow) []any {
		return []any{s.Step, s.Status, s.Attempt, s.Node, s.StartedAt, s.CompletedAt, s.RolledBackAt, s.Error}
	})
}
