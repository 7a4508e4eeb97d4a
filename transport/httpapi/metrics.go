package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"orderflow/domain"
	"orderflow/handlers/operate"
)

// metrics serves the registry in the text format of Prometheus.
func metrics(registry *prometheus.Registry, node nodeCollector) func(http.ResponseWriter, *http.Request) error {
	if registry == nil {
		registry = prometheus.NewRegistry()
		registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	registry.MustRegister(node)
	h := promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// nodeMetrics are what one number of a node says.
var nodeMetrics = []struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(s NodeStat) float64
}{
	{desc("orderflow_node_epoch", "Epoch of the node's registration."), prometheus.GaugeValue, func(s NodeStat) float64 { return float64(s.Epoch) }},
	{desc("orderflow_worker_slots", "Workers of this node."), prometheus.GaugeValue, func(s NodeStat) float64 { return float64(s.Slots) }},
	{desc("orderflow_worker_busy", "Workers of this node that have work."), prometheus.GaugeValue, func(s NodeStat) float64 { return float64(s.Busy) }},
	{desc("orderflow_database_statements_total", "Statements this node sent to the database, without BEGIN and COMMIT."),
		prometheus.CounterValue, func(s NodeStat) float64 { return float64(s.Statements) }},
	{desc("orderflow_database_transactions_total", "Writing transactions this node began."),
		prometheus.CounterValue, func(s NodeStat) float64 { return float64(s.Transactions) }},
	{desc("orderflow_database_round_trips_total",
		"Requests of any kind that this node sent to the database and waited for, BEGIN, COMMIT and log-ins among them; 0 on SQLite."),
		prometheus.CounterValue, func(s NodeStat) float64 { return float64(s.RoundTrips) }},
	{desc("orderflow_database_retries_total",
		"Transactions of this node that were begun again: deadlocks, lock time-outs, snapshot conflicts, broken connections, lost commits."),
		prometheus.CounterValue, func(s NodeStat) float64 { return float64(s.Retries) }},
	{desc("orderflow_nodes_lost_total", "Nodes that this node was the first to find lost: over all nodes, each counts once."),
		prometheus.CounterValue, func(s NodeStat) float64 { return float64(s.NodesLost) }},
	{desc("orderflow_takeovers_total", "Orders that this node took over from nodes that were lost, or had stopped."),
		prometheus.CounterValue, func(s NodeStat) float64 { return float64(s.TakeOvers) }},
	{desc("orderflow_steps_interrupted_total",
		"Attempts of steps that this node recorded as interrupted, its own and those of nodes whose orders it took up."),
		prometheus.CounterValue, func(s NodeStat) float64 { return float64(s.StepsInterrupted) }},
	{desc("orderflow_database_waited_seconds_total",
		"How long writing transactions of this node waited to begin: for a connection and, on SQLite, for other writers."),
		prometheus.CounterValue, func(s NodeStat) float64 { return s.WaitedSeconds }},
	{desc("orderflow_database_held_seconds_total",
		"How long writing transactions of this node were open. On SQLite, all nodes together: how busy the one writer is."),
		prometheus.CounterValue, func(s NodeStat) float64 { return s.HeldSeconds }},
	{desc("orderflow_database_wal_bytes", "Size of SQLite's write-ahead log; 0 on SQL Server."),
		prometheus.GaugeValue, func(s NodeStat) float64 { return float64(s.WALBytes) }},
}

var (
	descOrders  = desc("orderflow_orders", "Orders in the whole system, by status.", "status")
	descCount   = desc("orderflow_orders_counted", "Whether orderflow_orders could be read from the database (1) or not (0).")
	descInfo    = desc("orderflow_node_info", "This node; the value is 1.", "node", "state", "version")
	descLag     = desc("orderflow_projection_lag_events", "Events that the views are behind, over all partitions; not there while it is not known.")
	descAlarms  = desc("orderflow_alarms", "Open alarms, by code; of the node that has the duty of the watchdog, and of no other.", "alarm", "severity")
	descWatched = desc("orderflow_watchdog_last_success_timestamp_seconds", "When a round of the watchdog last succeeded on this node; not there if none has.")
	descWaiting = desc("orderflow_orders_waiting",
		"Orders that have not ended, the oldest 10,000, by why they are as they are. Only the node has it that looks, for all nodes.", "reason")
	descSurvey  = desc("orderflow_orders_waiting_age_seconds", "How long ago orderflow_orders_waiting was looked for.")
	descMissing = desc("orderflow_role_missing", "Whether no live node of the cluster has this role (1) or one has (0).", "role")
)

// nodeCollector reads the node and the counts when it is scraped.
type nodeCollector struct {
	stat   func(context.Context) NodeStat
	counts func(context.Context) (map[domain.Status]int64, error)
	survey Surveys
}

// Describe is prometheus.Collector.
func (nodeCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descOrders, descCount, descInfo, descLag, descAlarms, descWatched, descMissing, descWaiting, descSurvey} {
		to <- d
	}
	for _, m := range nodeMetrics {
		to <- m.desc
	}
}

// Collect is prometheus.Collector. A database that does not answer costs the orders,
// not the scrape.
func (c nodeCollector) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	yes := map[bool]float64{true: 1}
	s := c.stat(context.Background())
	gauge(descInfo, 1, s.Node, s.State, s.Version)
	for _, m := range nodeMetrics {
		to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.of(s))
	}
	if s.Lag != nil {
		gauge(descLag, float64(*s.Lag))
	}
	if !s.WatchdogAt.IsZero() {
		gauge(descWatched, float64(s.WatchdogAt.UnixMilli())/1000)
	}
	if s.Alarms != nil {
		for _, k := range operate.AlarmKinds() {
			gauge(descAlarms, float64(s.Alarms[string(k.Code)]), string(k.Code), string(k.Severity))
		}
	}
	for _, role := range []string{"api", "worker", "projector"} {
		gauge(descMissing, yes[slices.Contains(s.MissingRoles, role)], role)
	}
	if own, age := c.survey.Own(); own != nil {
		for _, r := range own.Reasons {
			gauge(descWaiting, float64(r.Orders), string(r.Reason))
		}
		gauge(descSurvey, age.Seconds())
	}
	orders, err := c.counts(context.Background())
	for status, n := range orders {
		gauge(descOrders, float64(n), string(status))
	}
	gauge(descCount, yes[err == nil])
}
