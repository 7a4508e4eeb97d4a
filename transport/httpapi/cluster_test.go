package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/projections/cluster"
	"orderflow/transport/httpapi"
)

// fakeStatus answers with what it was told to.
type fakeStatus struct {
	answer cluster.Answer
	err    error
}

func (c fakeStatus) Read(context.Context) (cluster.Answer, error) { return c.answer, c.err }

// wholeCluster is an answer with every part.
func wholeCluster() cluster.Answer {
	oldest := 12.5
	return cluster.Answer{
		AsOf: at, Wrong: []string{"no live node has the role api: <nobody>"}, MissingRoles: []string{"api"},
		Wanted: []cluster.Wanted{{Of: "n", What: work.ControlCordoned, Actor: "operator", Reason: "r", Since: at}},
		Alarms: []cluster.Alarm{{Alarm: "role_missing", Severity: "critical", State: work.AlarmRaised, Subject: "api", What: "w", RaisedAt: at}},
		Nodes:  []cluster.Node{{Node: "n", Epoch: 2, State: cluster.Cordoned, Roles: []string{"worker"}, Slots: 5, Busy: 3, Host: "h", Version: "v", StartedAt: at, HeartbeatAt: at, HeartbeatAge: 0.5}},
		Queues: &cluster.Waiting{
			AsOf: at, Node: "n", InFlight: []cluster.InHand{{Topic: "scheduling", Node: "n", Count: 3}},
			Topics: []cluster.TopicQueue{{Topic: "scheduling", Waiting: cluster.Most, More: true, Returned: 1, Oldest: &oldest, Paused: true, InFlight: 3, DeadLetters: 2}},
		},
		Projections: []cluster.Projection{{Projection: cluster.Orders, Position: 7, Head: 9, Lag: 2, LagSeconds: 1.5, Trend: cluster.Growing}},
		Last: []cluster.Period{{
			Name: "minute", Seconds: 60, AsOf: at, Happened: cluster.Happened{Placed: 9},
			Steps: []cluster.StepTimes{{Step: domain.Scheduling, Wait: cluster.Quantiles{Count: 1, P50: 1, P95: 2, P99: 3}}},
		}},
		Retention: cluster.Retention{KeptFrom: at, Keep: 60}, Storage: &cluster.Storage{Bytes: 4096}, Unread: []cluster.Gap{{Part: cluster.PartDay, Why: "w"}},
	}
}

func reading(c fakeStatus) http.Handler {
	return newAdmin(&fakeNode{}, func(conf *httpapi.AdminConfig) { conf.Cluster = c })
}

// TestAdmin_cluster: the answer fits the document (as every answer of these tests does), and what fails is a problem.
func TestAdmin_cluster(t *testing.T) {
	w := do(t, reading(fakeStatus{answer: wholeCluster()}), request{path: "/v1/cluster"})
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.HasPrefix(body, `{"as_of":"2026-01-31T12:00:00.123456Z","wrong":["no live node has the role api: <nobody>"],"wanted":[{"of":"n","what":"cordoned",`) ||
		!strings.Contains(body, `"waiting":10000,"more":true,"returned":1,"oldest_seconds":12.5,"paused":true`) {
		t.Errorf("answered %d %s", w.Code, body)
	}
	away := fmt.Errorf("%w: the server said no", domain.ErrUnavailable)
	wantProblem(t, do(t, reading(fakeStatus{err: away}), request{path: "/v1/cluster"}), "/v1/cluster", problem{
		"unavailable", "The database cannot answer now", 503, "the request could not be carried out now; it may be repeated", nil,
	})
}
