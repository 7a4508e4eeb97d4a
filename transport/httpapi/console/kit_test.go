package console_test

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/diagnosis"
	"orderflow/projections/cluster"
	"orderflow/transport/httpapi/console"
)

var at = time.Date(2026, 11, 28, 3, 14, 22, 0, time.UTC)

// fake is a cluster and its survey.
type fake struct {
	answer    cluster.Answer
	survey    diagnosis.Survey
	err, told error // of the cluster, of the survey
}

func (f fake) Read(context.Context) (cluster.Answer, error)     { return f.answer, f.err }
func (f fake) Latest(context.Context) (diagnosis.Survey, error) { return f.survey, f.told }

// night is a cluster in which much goes on.
func night() fake {
	oldest := 38.4
	times := func(p50 float64) (all []cluster.StepTimes) {
		for _, s := range domain.Steps() {
			q := cluster.Quantiles{Count: 30, P50: p50, P95: 2 * p50, P99: 3 * p50}
			all = append(all, cluster.StepTimes{Step: s, Wait: q, Run: q})
		}
		return all
	}
	happened := cluster.Happened{Placed: 564, Completed: 540, Failed: 120, Cancelled: 1, Parked: 2, StepCompleted: 1234567, TakenOver: 50, NodesLost: 1}
	queues := &cluster.Waiting{AsOf: at, Node: "node-a", InFlight: []cluster.InHand{{Topic: "scheduling", Node: "node-a", Count: 14}, {Topic: "rollback", Node: "node-a", Count: 1}}}
	for i, topic := range work.Topics() {
		queues.Topics = append(queues.Topics, cluster.TopicQueue{Topic: topic, Waiting: int64(i * 100), Oldest: &oldest, Paused: i == 2, DeadLetters: int64(i)})
	}
	queues.Topics[4].Waiting, queues.Topics[4].More = cluster.Most, true
	return fake{
		answer: cluster.Answer{
			AsOf: at, Wrong: []string{"no live node has the role api: nobody takes orders", "alarm role_missing (critical) of api: <script>x</script>"},
			Alarms: []cluster.Alarm{
				{Alarm: "role_missing", Severity: "critical", State: work.AlarmRaised, Subject: "api", What: "<script>x</script>", RaisedAt: at},
				{Alarm: "disk_nearly_full", Severity: "warning", State: work.AlarmAcknowledged, Subject: "shop.db", What: "=1+1", RaisedAt: at},
			},
			Wanted:       []cluster.Wanted{{Of: "Processing", What: "paused", Actor: "operator:kim", Reason: "the <ledger> is down", Since: at}},
			WatchdogLate: true, MissingRoles: []string{"api"},
			Nodes: []cluster.Node{
				{Node: "node-a", Epoch: 3, State: cluster.Alive, Roles: []string{"worker", "projector"}, Slots: 50, Busy: 15, Version: "1.8.2", StartedAt: at, HeartbeatAt: at, HeartbeatAge: 0.4},
				{Node: "node-c", Epoch: 1, State: cluster.Lost, Roles: []string{"worker"}, HeartbeatAge: 1380},
			},
			Queues:      queues,
			Projections: []cluster.Projection{{Projection: "orders", Position: 41849295, Head: 41883519, Lag: 34224, LagSeconds: 372, Trend: cluster.Growing, Beyond: 3}},
			Last: []cluster.Period{
				{Name: "minute", Seconds: 60, AsOf: at, Happened: happened, Steps: times(0.08)},
				{Name: "quarter", Seconds: 900, AsOf: at, Happened: happened, Steps: times(5)},
				{Name: "day", Seconds: 86400, AsOf: at, Happened: happened, Steps: times(90)},
			},
			Retention: cluster.Retention{KeptFrom: at},
		},
		survey: diagnosis.Survey{AsOf: at, Node: "node-b", Looked: 1450, More: true, Reasons: []diagnosis.Count{
			{Reason: "parked", Verdict: diagnosis.Blocked, Orders: 829, Since: at.Add(-2 * time.Hour), Examples: []domain.OrderID{{15: 0xab}}}, {Reason: "running", Verdict: diagnosis.Progressing, Orders: 621},
		}},
	}
}

// quiet is a cluster in which there is nothing yet.
func quiet() fake {
	return fake{answer: cluster.Answer{AsOf: at, Queues: &cluster.Waiting{AsOf: at}, Last: []cluster.Period{{Name: "minute", Seconds: 60}}}, survey: diagnosis.Survey{AsOf: at}}
}

// blind is a cluster of which only the nodes could be read.
func blind() fake {
	f := fake{told: errors.New("no survey <today>")}
	f.answer = cluster.Answer{AsOf: at, Wrong: []string{"queues could not be read: locked"}}
	for _, part := range []string{cluster.PartQueues, cluster.PartAlarms, cluster.PartMinute, cluster.PartDay, cluster.PartNodes, cluster.PartControls} {
		f.answer.Unread = append(f.answer.Unread, cluster.Gap{Part: part, Why: "the disk of " + part})
	}
	return f
}

// get asks a console for a path.
func get(t *testing.T, f fake, path string) (console.Page, error) {
	t.Helper()
	router := mux.NewRouter()
	var page console.Page
	err := console.ErrNoPage
	for _, route := range console.New(console.Config{Cluster: f, Surveys: f}).Routes() {
		router.Path(route.Path).Methods(route.Method).HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { page, err = route.Serve(r) })
	}
	router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return page, err
}

var (
	voids  = regexp.MustCompile(`<(meta|link|input|br)\b([^>]*[^/])>`)
	inline = regexp.MustCompile(`(?i)<script|<style|\sstyle=|\son[a-z]+=|javascript:`)
	tables = regexp.MustCompile(`<table[^>]*>(<caption|.)`)
	heads  = regexp.MustCompile(`<th( [^>]*)?>`)
	uses   = regexp.MustCompile(`href="#([a-z0-9-]+)"`)
)

// wantPage says what every page must be: well formed, without script and style of its own, with tables that name
// themselves and their heads, and with marks that there are.
func wantPage(t *testing.T, p console.Page) string {
	t.Helper()
	text := string(p.Body)
	d := xml.NewDecoder(strings.NewReader(voids.ReplaceAllString(text, "<$1$2/>")))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("it is not well formed: %v", err)
		}
	}
	if found := inline.FindString(text); found != "" {
		t.Errorf("it has %q", found)
	}
	for _, found := range tables.FindAllStringSubmatch(text, -1) {
		if found[1] != "<caption" {
			t.Errorf("a table has no caption: %s", found[0])
		}
	}
	for _, found := range heads.FindAllString(text, -1) {
		if !strings.Contains(found, `scope="`) {
			t.Errorf("the head of a row or column has no scope: %s", found)
		}
	}
	for _, found := range uses.FindAllStringSubmatch(text, -1) {
		if !strings.Contains(text, `id="`+found[1]+`"`) {
			t.Errorf("it names #%s, which is not there", found[1])
		}
	}
	if strings.Count(text, "<h1") != 1 {
		t.Error("it has not one heading of the first level")
	}
	return text
}
