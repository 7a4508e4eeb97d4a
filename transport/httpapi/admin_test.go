package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/transport/httpapi"
)

// fakeNode is a node that says what it is told to.
type fakeNode struct {
	stat                  httpapi.NodeStat
	stopped               int
	by                    httpapi.Caller // of the last stop
	self, external, ready error
	hang                  bool // checks end with their context only
	counts                map[domain.Status]int64
	countErr              error
}

func (n *fakeNode) Stat(context.Context) httpapi.NodeStat { return n.stat }
func (n *fakeNode) Stop(by httpapi.Caller)                { n.stopped, n.by = n.stopped+1, by }

func (n *fakeNode) check(ctx context.Context, err error) error {
	if n.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (n *fakeNode) Self(ctx context.Context) error     { return n.check(ctx, n.self) }
func (n *fakeNode) External(ctx context.Context) error { return n.check(ctx, n.external) }
func (n *fakeNode) Ready(ctx context.Context) error    { return n.check(ctx, n.ready) }

func (n *fakeNode) Counts(ctx context.Context) (map[domain.Status]int64, error) {
	return n.counts, n.check(ctx, n.countErr)
}

// aNode is a node that works.
func aNode() *fakeNode {
	return &fakeNode{
		stat: httpapi.NodeStat{
			Node: "node-1", Epoch: 3, State: work.NodeActive, Version: "1.2.3", Host: "h", PID: 42, Roles: []string{"api", "worker"},
			Database: "sqlite:orderflow.db", StartedAt: at.Add(789).In(time.FixedZone("", 3600)), HeartbeatAt: at.Add(time.Minute), Slots: 50, Busy: 7, Statements: 1000, Transactions: 100, RoundTrips: 1200, Retries: 7, NodesLost: 2, TakeOvers: 50, StepsInterrupted: 51, WaitedSeconds: 1.5, HeldSeconds: 0.25,
			WALBytes: 4096, Lag: new(int64(12)), MissingRoles: []string{"projector"},
		},
		counts: map[domain.Status]int64{domain.StatusPending: 2, domain.StatusCompleted: 40},
	}
}

func newAdmin(n *fakeNode, change ...func(*httpapi.AdminConfig)) http.Handler {
	if n.stat.State == "" {
		n.stat.State = work.NodeActive
	}
	c := httpapi.AdminConfig{Node: n, Orders: n, Diagnoses: &fakeDiagnoses{answer: listedOnly}, Cluster: fakeStatus{answer: wholeCluster()}, Surveys: &fakeSurveys{}, Registry: prometheus.NewRegistry()}
	for _, f := range change {
		f(&c)
	}
	return httpapi.NewAdmin(c)
}

func TestAdmin_checks(t *testing.T) {
	n := &fakeNode{self: errors.New("no heartbeat for 7s"), external: errors.New("disk full"), ready: errors.New("draining")}
	for path, c := range map[string]struct{ name, why string }{
		"/Watchdog_Selfclosure": {"self", "no heartbeat for 7s"},
		"/Watchdog_External":    {"external", "disk full"},
		"/readyz":               {"ready", "draining"},
	} {
		wantProblem(t, do(t, newAdmin(n), request{path: path}), path, problem{
			"unhealthy", "The check failed", 503, "the check " + c.name + " failed: " + c.why, map[string]any{"check": c.name},
		})
		wantBody(t, do(t, newAdmin(&fakeNode{}), request{path: path}), http.StatusOK, `{"status":"ok"}`+"\n")
	}
	t.Run("alive whatever fails", func(t *testing.T) {
		wantBody(t, do(t, newAdmin(n), request{path: "/livez"}), http.StatusOK, `{"status":"ok"}`+"\n")
	})
}

func TestAdmin_checksEnd(t *testing.T) {
	for path, check := range map[string]string{"/Watchdog_Selfclosure": "self", "/Watchdog_External": "external", "/readyz": "ready"} {
		synctest.Test(t, func(t *testing.T) {
			h := newAdmin(&fakeNode{hang: true}, func(c *httpapi.AdminConfig) { c.CheckTimeout = 2 * time.Second })
			began := time.Now()
			wantProblem(t, do(t, h, request{path: path}), path, problem{
				"unhealthy", "The check failed", 503, "the check " + check + " failed: context deadline exceeded", map[string]any{"check": check},
			})
			if took := time.Since(began); took != 2*time.Second {
				t.Errorf("answered after %v, want 2s", took)
			}
		})
	}
}

func TestAdmin_stop(t *testing.T) {
	n := &fakeNode{}
	h := newAdmin(n)
	for i := 1; i <= 2; i++ {
		wantBody(t, do(t, h, request{method: http.MethodPost, path: "/command/stop"}), http.StatusAccepted, `{"status":"stopping"}`+"\n")
		if n.stopped != i {
			t.Errorf("stopped %d times, want %d", n.stopped, i)
		}
	}
	if do(t, h, request{path: "/command/stop"}); n.stopped != 2 {
		t.Error("a GET stopped the node")
	}
	h = newAdmin(n, func(c *httpapi.AdminConfig) { c.Auth = mustAuth(t) })
	do(t, h, request{method: http.MethodPost, path: "/command/stop"}.as(operatorToken))
	if want := (httpapi.Caller{Role: httpapi.RoleOperator, Remote: "192.0.2.1:1234", CorrelationID: corr}); n.by != want {
		t.Errorf("it was stopped by %+v, want %+v", n.by, want)
	}
}

const statHead = `{"node":"node-1","epoch":3,"state":"active","version":"1.2.3","host":"h","pid":42,"roles":["api","worker"],` +
	`"database":"sqlite:orderflow.db","started_at":"2026-01-31T12:00:00.123456Z","heartbeat_at":"2026-01-31T12:01:00.123456Z",` +
	`"slots":50,"busy":7,"statements":1000,"transactions":100,"round_trips":1200,"retries":7,"nodes_lost":2,"takeovers":50,"steps_interrupted":51,"waited_seconds":1.5,"held_seconds":0.25,"wal_bytes":4096,"lag":12,"missing_roles":["projector"],"uptime_seconds":`

func TestAdmin_stat(t *testing.T) {
	t.Run("all", func(t *testing.T) {
		w := do(t, newAdmin(aNode()), request{path: "/command/stat"})
		head, tail, _ := strings.Cut(w.Body.String(), `"uptime_seconds":`)
		if w.Code != http.StatusOK || head+`"uptime_seconds":` != statHead {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		uptime, counts, _ := strings.Cut(tail, ",")
		if !json.Valid([]byte(uptime)) {
			t.Errorf("uptime %s", uptime)
		}
		const want = `"orders":{"Cancelled":0,"Completed":40,"Failed":0,"Parked":0,"Pending":2,"PostProcessing":0,"PreProcessing":0,"Processing":0,"RollingBack":0,"Scheduling":0}}` + "\n"
		if counts != want {
			t.Errorf("counts %s", counts)
		}
	})
	t.Run("uptime", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := aNode()
			n.stat.StartedAt = time.Now()
			time.Sleep(90*time.Second + 250*time.Millisecond)
			if w := do(t, newAdmin(n), request{path: "/command/stat"}); !strings.Contains(w.Body.String(), `"uptime_seconds":90.25,`) {
				t.Error(w.Body)
			}
		})
	})
	t.Run("before the first heartbeat", func(t *testing.T) {
		n := aNode()
		n.stat.HeartbeatAt, n.stat.Roles = time.Time{}, nil
		w := do(t, newAdmin(n), request{path: "/command/stat"})
		if body := w.Body.String(); strings.Contains(body, "heartbeat_at") || !strings.Contains(body, `"roles":[]`) {
			t.Error(body)
		}
	})
}

// A node must say how it stands when the database does not answer.
func TestAdmin_stat_withoutDatabase(t *testing.T) {
	logger, hook := logtest.NewNullLogger()
	withLog := func(c *httpapi.AdminConfig) { c.Logger = logrus.NewEntry(logger) }
	wantAnswer := func(t *testing.T, n *fakeNode) {
		t.Helper()
		hook.Reset()
		w := do(t, newAdmin(n, withLog), request{path: "/command/stat"})
		if w.Code != http.StatusOK || !strings.HasSuffix(w.Body.String(), `"orders":null}`+"\n") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if len(hook.Entries) != 1 || hook.Entries[0].Level != logrus.WarnLevel {
			t.Errorf("log %v, want one warning", hook.Entries)
		}
	}
	t.Run("an error", func(t *testing.T) {
		n := aNode()
		n.countErr = domain.ErrUnavailable
		wantAnswer(t, n)
	})
	t.Run("no answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := aNode()
			n.hang = true
			began := time.Now()
			wantAnswer(t, n)
			if took := time.Since(began); took != 5*time.Second {
				t.Errorf("answered after %v, want the default of 5s", took)
			}
		})
	})
}

func TestAdmin_metrics(t *testing.T) {
	const node = `orderflow_node_info{node="node-1",state="active",version="1.2.3"} 1
orderflow_node_epoch 3
orderflow_worker_slots 50
orderflow_worker_busy 7
orderflow_database_statements_total 1000
orderflow_database_transactions_total 100
orderflow_database_round_trips_total 1200
# HELP orderflow_database_retries_total Transactions of this node that were begun again: deadlocks, lock time-outs, snapshot conflicts, broken connections, lost commits.
# TYPE orderflow_database_retries_total counter
orderflow_database_retries_total 7
orderflow_nodes_lost_total 2
orderflow_takeovers_total 50
orderflow_steps_interrupted_total 51
orderflow_database_waited_seconds_total 1.5
orderflow_database_held_seconds_total 0.25
orderflow_database_wal_bytes 4096
orderflow_projection_lag_events 12
orderflow_role_missing{role="projector"} 1
orderflow_role_missing{role="worker"} 0`
	scrape := func(t *testing.T, n *fakeNode, change ...func(*httpapi.AdminConfig)) string {
		t.Helper()
		w := do(t, newAdmin(n, change...), request{path: "/metrics"})
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		return w.Body.String()
	}
	wantLines := func(t *testing.T, body, lines string) {
		t.Helper()
		for line := range strings.SplitSeq(lines, "\n") {
			if !strings.Contains("\n"+body, "\n"+line+"\n") {
				t.Errorf("no line %s in\n%s", line, body)
			}
		}
	}
	t.Run("all", func(t *testing.T) {
		body := scrape(t, aNode())
		wantLines(t, body, node+"\norderflow_orders_counted 1\norderflow_orders{status=\"Completed\"} 40\norderflow_orders{status=\"Failed\"} 0")
		if n := strings.Count(body, "orderflow_orders{"); n != len(domain.Statuses()) {
			t.Errorf("%d statuses, want %d", n, len(domain.Statuses()))
		}
	})
	t.Run("without the database", func(t *testing.T) {
		n := aNode()
		n.countErr = domain.ErrUnavailable
		body := scrape(t, n)
		wantLines(t, body, node+"\norderflow_orders_counted 0")
		if strings.Contains(body, "orderflow_orders{") {
			t.Error("orders without a database")
		}
	})
	t.Run("process and runtime by default", func(t *testing.T) {
		body := scrape(t, aNode(), func(c *httpapi.AdminConfig) { c.Registry = nil })
		for _, name := range []string{"go_goroutines ", "process_cpu_seconds_total ", "process_resident_memory_bytes "} {
			if !strings.Contains(body, "\n"+name) {
				t.Errorf("no %s", name)
			}
		}
	})
	t.Run("a registry of one's own", func(t *testing.T) {
		registry := prometheus.NewRegistry()
		mine := prometheus.NewGauge(prometheus.GaugeOpts{Name: "mine", Help: "Mine."})
		registry.MustRegister(mine)
		wantLines(t, scrape(t, aNode(), func(c *httpapi.AdminConfig) { c.Registry = registry }), node+"\nmine 0")
	})
}

func TestAdmin_pprof(t *testing.T) {
	h := newAdmin(aNode())
	for path, want := range map[string]string{
		"/debug/pprof/":                  "full goroutine stack dump",
		"/debug/pprof/goroutine?debug=1": "goroutine profile:",
		"/debug/pprof/heap?debug=1":      "heap profile:",
		"/debug/pprof/symbol":            "num_symbols: 1",
	} {
		if w := do(t, h, request{path: path}); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %.200s", path, w.Code, w.Body)
		}
	}
}
