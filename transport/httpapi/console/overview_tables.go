package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"orderflow/domain"
	"orderflow/handlers/diagnosis"
	"orderflow/projections/cluster"
)

// overviewTables are the tables of the first page, by the names of their files.
var overviewTables = map[string]struct {
	part string // of the cluster's answer that it is made of
	make func(overview) table
}{
	"alarms":      {cluster.PartAlarms, alarmsTable},
	"wanted":      {cluster.PartControls, wantedTable},
	"nodes":       {cluster.PartNodes, nodesTable},
	"queues":      {cluster.PartQueues, queuesTable},
	"happened":    {cluster.PartMinute, happenedTable},
	"steps":       {cluster.PartMinute, stepsTable},
	"projections": {cluster.PartQueues, projectionsTable},
	"reasons":     {partReasons, reasonsTable},
}

// overviewTable answers with a table of the first page as a file. A part that could not be read has none: an empty file
// would say that there is nothing.
func (c *Console) overviewTable(r *http.Request) (Page, error) {
	name := mux.Vars(r)["table"]
	known, found := overviewTables[name]
	if !found {
		return Page{}, ErrNoPage
	}
	v, err := c.look(r)
	if err != nil {
		return Page{}, err
	}
	if why := v.Gap(known.part); why != "" {
		return Page{}, fmt.Errorf("%w: %s could not be read: %s", domain.ErrUnavailable, known.part, why)
	}
	t := known.make(v)
	if mux.Vars(r)["form"] == "json" {
		return t.json()
	}
	return t.csv()
}

func alarmsTable(v overview) table {
	return tableOf("alarms", v.AsOf, v.Alarms, []string{"alarm", "severity", "state", "subject", "what", "raised_at"}, func(a cluster.Alarm) []any {
		return []any{a.Alarm, a.Severity, a.State, a.Subject, a.What, a.RaisedAt}
	})
}

func wantedTable(v overview) table {
	return tableOf("wanted", v.AsOf, v.Wanted, []string{"of", "what", "actor", "reason", "since"}, func(w cluster.Wanted) []any {
		return []any{w.Of, w.What, w.Actor, w.Reason, w.Since}
	})
}

func nodesTable(v overview) table {
	header := []string{"node", "epoch", "state", "roles", "slots", "busy", "host", "version", "started_at", "heartbeat_at", "heartbeat_age_seconds"}
	return tableOf("nodes", v.AsOf, v.Nodes, header, func(n cluster.Node) []any {
		return []any{n.Node, n.Epoch, n.State, strings.Join(n.Roles, " "), n.Slots, n.Busy, n.Host, n.Version, n.StartedAt, n.HeartbeatAt, n.HeartbeatAge}
	})
}

func queuesTable(v overview) table {
	header := []string{"topic", "waiting", "more", "returned", "oldest_seconds", "paused", "in_flight", "dead_letters", "more_dead_letters"}
	return tableOf("queues", v.Queues.AsOf, v.Queues.Topics, header, func(q cluster.TopicQueue) []any {
		return []any{q.Topic, q.Waiting, q.More, q.Returned, q.Oldest, q.Paused, q.InFlight, q.DeadLetters, q.MoreDeadLetters}
	})
}

// happenedIn is what happened in a period.
type happenedIn struct {
	Period  string    `json:"period"`
	Seconds float64   `json:"seconds"`
	AsOf    time.Time `json:"as_of"`
	cluster.Happened
}

func happenedTable(v overview) table {
	var rows []happenedIn
	for _, l := range v.Last {
		rows = append(rows, happenedIn{l.Name, l.Seconds, l.AsOf, l.Happened})
	}
	header := []string{
		"period", "seconds", "as_of", "placed", "completed", "failed", "cancelled", "parked", "steps_completed", "steps_failed", "steps_interrupted",
		"steps_rolled_back", "taken_over", "nodes_lost",
	}
	return tableOf("happened", v.AsOf, rows, header, func(h happenedIn) []any {
		return []any{
			h.Period, h.Seconds, h.AsOf, h.Placed, h.Completed, h.Failed, h.Cancelled, h.Parked, h.StepCompleted, h.StepFailed, h.StepInterrupted,
			h.StepRolledBack, h.TakenOver, h.NodesLost,
		}
	})
}

// timesIn is how long a step waited and ran in a period.
type timesIn struct {
	Period string `json:"period"`
	cluster.StepTimes
}

func stepsTable(v overview) table {
	var rows []timesIn
	for _, l := range v.Last {
		for _, s := range l.Steps {
			rows = append(rows, timesIn{l.Name, s})
		}
	}
	header := []string{"period", "step", "waits", "wait_p50", "wait_p95", "wait_p99", "runs", "run_p50", "run_p95", "run_p99"}
	return tableOf("steps", v.AsOf, rows, header, func(t timesIn) []any {
		return []any{t.Period, t.Step, t.Wait.Count, t.Wait.P50, t.Wait.P95, t.Wait.P99, t.Run.Count, t.Run.P50, t.Run.P95, t.Run.P99}
	})
}

func projectionsTable(v overview) table {
	header := []string{"projection", "position", "head", "lag", "lag_seconds", "trend", "beyond"}
	return tableOf("projections", v.Queues.AsOf, v.Projections, header, func(p cluster.Projection) []any {
		return []any{p.Projection, p.Position, p.Head, p.Lag, p.LagSeconds, p.Trend, p.Beyond}
	})
}

func reasonsTable(v overview) table {
	return tableOf("reasons", v.Survey.AsOf, v.Survey.Reasons, []string{"reason", "verdict", "orders", "oldest_since", "examples"}, func(c diagnosis.Count) []any {
		var examples []string
		for _, id := range c.Examples {
			examples = append(examples, id.String())
		}
		return []any{c.Reason, c.Verdict, c.Orders, c.Since, strings.Join(examples, " ")}
	})
}
