package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	runtimepprof "runtime/pprof"
	"slices"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/handlers/operate"
	"orderflow/transport/httpapi/console"
)

// Checks are the questions that a node answers about itself. Each ends with its
// context.
type Checks interface {
	// Self: the node's own parts (heartbeat, claim loop, projector) go round and succeed.
	Self(ctx context.Context) error
	// External: the database takes what an order writes.
	External(ctx context.Context) error
	// Ready: the node does what its roles say; not while it starts or drains.
	Ready(ctx context.Context) error
}

// NodeControl is the node that an admin interface is for.
type NodeControl interface {
	Checks
	// Stat is how the node stands, from memory: it asks no database.
	Stat(ctx context.Context) NodeStat
	// Stop has the node drain and end. It returns at once and may be called again.
	Stop(by Caller)
}

// Caller is who asks for something.
type Caller struct {
	Role          Role // empty without tokens
	Remote        string
	CorrelationID string
}

// Counter counts orders by status.
type Counter interface {
	Counts(ctx context.Context) (map[domain.Status]int64, error)
}

// AdminConfig says what an admin interface works with.
type AdminConfig struct {
	Node NodeControl
	// Orders counts orders for /command/stat and /metrics.
	Orders Counter
	// Diagnoses says why orders do not move.
	Diagnoses Diagnoser
	// Lists are the orders in lists, and History their events, for the console.
	Lists   console.Orders
	History History
	// Cluster gives the cluster in one answer.
	Cluster ClusterReader
	// Levers are the levers on the cluster.
	Levers operate.Levers
	// OrderLevers are the levers on one order.
	OrderLevers operate.OrderLevers
	// Surveys says why all open orders are as they are.
	Surveys Surveys
	// Alarms are what the watchdog finds wrong.
	Alarms operate.Alarms
	// Jobs are what operators want done to many things.
	Jobs Jobs
	// DeadLetters are the messages that were given up.
	DeadLetters DeadLetters
	// Auth asks for tokens; nil: everybody is an operator.
	Auth *Auth
	// AllowedHosts are the names, without ports, under which the listener may be asked beside
	// localhost and loopback addresses. With Auth, any will do.
	AllowedHosts []string
	// Logger gets a line per request; nil: none.
	Logger *logrus.Entry
	// CheckTimeout bounds each check, count and diagnosis; 0: 5 s.
	CheckTimeout time.Duration
	// Registry gets the node's metrics, and may hold others; nil: a new one with those of
	// the Go runtime and the process.
	Registry *prometheus.Registry
}

type admin struct {
	node      NodeControl
	orders    Counter
	diagnoses Diagnoser
	cluster   ClusterReader
	levers    operate.Levers
	onOrders  operate.OrderLevers
	surveys   Surveys
	alarms    operate.Alarms
	jobs      Jobs
	letters   DeadLetters
	timeout   time.Duration
}

// NewAdmin makes the admin interface of a node: /livez, /readyz, /Watchdog_Selfclosure,
// /Watchdog_External, /command/stat, /command/stop, /v1/cluster, /v1/orders/{id}/diagnosis, /cancel, /fail and /retry,
// /v1/diagnoses, /v1/nodes, /v1/steps, /v1/operations, /v1/alarms, /v1/jobs, /v1/deadletters, /metrics, /debug/pprof/, and
// /openapi.yaml, which describes them; and the console at /ui, where the root sends browsers. It panics if the node's
// metrics are in the registry already.
func NewAdmin(c AdminConfig) http.Handler {
	c.CheckTimeout = cmp.Or(c.CheckTimeout, 5*time.Second)
	// With tokens a page of another site can do nothing here, and probes ask by address.
	routes := adminRoutes(c)
	root := routes[len(routes)-1].methods // see withRoot
	root[http.MethodGet] = orConsole(root[http.MethodGet])
	pages := console.New(console.Config{Cluster: c.Cluster, Surveys: c.Surveys, Orders: c.Lists, History: c.History, Diagnoses: c.Diagnoses})
	routes = append(routes, consoleRoutes(pages.Routes(), []Role{RoleOperator}, c.CheckTimeout)...)
	return newHandler(routes, listener{auth: c.Auth, anyHost: c.Auth != nil, hosts: c.AllowedHosts, logger: c.Logger, console: true})
}

func adminRoutes(c AdminConfig) []route {
	a := &admin{node: c.Node, orders: c.Orders, diagnoses: c.Diagnoses, cluster: c.Cluster, levers: c.Levers, onOrders: c.OrderLevers, surveys: c.Surveys, alarms: c.Alarms, timeout: c.CheckTimeout}
	a.jobs, a.letters = c.Jobs, c.DeadLetters
	operators := []Role{RoleOperator}
	return withRoot("node", slices.Concat([]route{
		{"/livez", get(endpoint{serve: a.alive})},
		{"/readyz", get(a.check("ready", c.Node.Ready, nil))},
		{"/Watchdog_Selfclosure", get(a.check("self", c.Node.Self, operators))},
		{"/Watchdog_External", get(a.check("external", c.Node.External, operators))},
		{"/command/stat", get(endpoint{serve: a.stat, roles: operators})},
		{"/command/stop", map[string]endpoint{http.MethodPost: {serve: a.stop, roles: operators}}},
		{"/v1/orders/{id}/diagnosis", get(endpoint{serve: a.diagnosis, roles: operators, timeout: a.timeout})},
		{"/v1/cluster", get(endpoint{serve: a.readCluster, roles: operators, timeout: a.timeout})},
		{"/v1/diagnoses", get(endpoint{serve: a.survey, roles: operators, timeout: a.timeout})},
		{"/metrics", get(endpoint{serve: metrics(c.Registry, nodeCollector{c.Node.Stat, a.counts, c.Surveys}), roles: operators})},
	}, a.leverRoutes(operators), a.orderLeverRoutes(operators), a.alarmRoutes(operators), a.jobRoutes(operators), a.letterRoutes(operators), pprofRoutes(operators), aboutRoutes(operatorsDocument)))
}

// status is a short answer.
func status(s string) map[string]string { return map[string]string{"status": s} }

// alive answers while the process does: it asks nothing, so that a database that is
// away does not get nodes killed.
func (a *admin) alive(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, status("ok"))
}

func (a *admin) check(name string, check func(context.Context) error, roles []Role) endpoint {
	return endpoint{roles: roles, timeout: a.timeout, serve: func(w http.ResponseWriter, r *http.Request) error {
		if err := check(r.Context()); err != nil {
			return problemUnhealthy.because(fmt.Sprintf("the check %s failed: %s", name, err), members{"check": name})
		}
		return answer(w, http.StatusOK, status("ok"))
	}}
}

// stop answers before the node has ended; the listener goes last.
func (a *admin) stop(w http.ResponseWriter, r *http.Request) error {
	x := exchangeOf(r.Context())
	a.node.Stop(Caller{Role: x.role, Remote: r.RemoteAddr, CorrelationID: x.correlationID})
	return answer(w, http.StatusAccepted, status("stopping"))
}

// stat answers also when the database does not.
func (a *admin) stat(w http.ResponseWriter, r *http.Request) error {
	s := statAnswer{NodeStat: a.node.Stat(r.Context())}
	s.UptimeSeconds = time.Since(s.StartedAt).Round(time.Millisecond).Seconds()
	s.StartedAt, s.HeartbeatAt = instantOf(s.StartedAt), instantOf(s.HeartbeatAt)
	if s.Roles == nil {
		s.Roles = []string{}
	}
	if s.MissingRoles == nil {
		s.MissingRoles = []string{}
	}
	var err error
	if s.Orders, err = a.counts(r.Context()); err != nil {
		exchangeOf(r.Context()).err = err
	}
	return answer(w, http.StatusOK, s)
}

// counts is the number of orders of every status, in bounded time.
func (a *admin) counts(ctx context.Context) (map[domain.Status]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	counted, err := a.orders.Counts(ctx)
	if err != nil {
		return nil, err
	}
	all := map[domain.Status]int64{}
	for _, s := range domain.Statuses() {
		all[s] = counted[s]
	}
	return all, nil
}

// pprofRoutes are the profiles of net/http/pprof, but for cmdline: a command line may
// hold the database's password.
func pprofRoutes(roles []Role) []route {
	plain := func(h http.HandlerFunc, whileThere bool) endpoint {
		serve := func(w http.ResponseWriter, r *http.Request) error { h(w, r); return nil }
		return endpoint{roles: roles, serve: serve, whileThere: whileThere}
	}
	symbol := plain(pprof.Symbol, false)
	return []route{
		{"/debug/pprof/", get(plain(pprof.Index, false))},
		// These burden the process for as long as they run, and only one of each can run at a time.
		{"/debug/pprof/profile", get(plain(pprof.Profile, true))},
		{"/debug/pprof/trace", get(plain(pprof.Trace, true))},
		{"/debug/pprof/symbol", map[string]endpoint{http.MethodGet: symbol, http.MethodPost: symbol}},
		{"/debug/pprof/{profile}", get(endpoint{roles: roles, serve: namedProfile})},
	}
}

func namedProfile(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["profile"]
	if runtimepprof.Lookup(name) == nil {
		return pathNotFound(r)
	}
	pprof.Handler(name).ServeHTTP(w, r)
	return nil
}
