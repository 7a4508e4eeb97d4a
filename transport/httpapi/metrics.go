package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics serves the registry in the text format of Prometheus.
func (a *admin) metrics(registry *prometheus.Registry) func(http.ResponseWriter, *http.Request) error {
	if registry == nil {
		registry = prometheus.NewRegistry()
		registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	registry.MustRegister(nodeCollector{admin: a})
	h := promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

var (
	descOrders     = prometheus.NewDesc("orderflow_orders", "Orders in the whole system, by status.", []string{"status"}, nil)
	descCount      = prometheus.NewDesc("orderflow_orders_counted", "Whether orderflow_orders could be read from the database (1) or not (0).", nil, nil)
	descInfo       = prometheus.NewDesc("orderflow_node_info", "This node; the value is 1.", []string{"node", "state", "version"}, nil)
	descEpoch      = prometheus.NewDesc("orderflow_node_epoch", "Epoch of the node's registration.", nil, nil)
	descSlots      = prometheus.NewDesc("orderflow_worker_slots", "Workers of this node.", nil, nil)
	descBusy       = prometheus.NewDesc("orderflow_worker_busy", "Workers of this node that have work.", nil, nil)
	descStatements = prometheus.NewDesc("orderflow_database_statements_total",
		"Statements this node sent to the database, without BEGIN and COMMIT.", nil, nil)
	descTransactions = prometheus.NewDesc("orderflow_database_transactions_total",
		"Writing transactions this node began.", nil, nil)
	descRetries = prometheus.NewDesc("orderflow_database_retries_total",
		"Transactions of this node that were begun again: deadlocks, lock time-outs, snapshot conflicts, broken connections, lost commits.", nil, nil)
	descLost = prometheus.NewDesc("orderflow_nodes_lost_total",
		"Nodes that this node was the first to find lost: over all nodes, each counts once.", nil, nil)
	descTakeOvers = prometheus.NewDesc("orderflow_takeovers_total",
		"Orders that this node took over from nodes that were lost, or had stopped.", nil, nil)
	descInterrupted = prometheus.NewDesc("orderflow_steps_interrupted_total",
		"Attempts of steps that this node recorded as interrupted, its own and those of nodes whose orders it took up.", nil, nil)
	descWaited = prometheus.NewDesc("orderflow_database_waited_seconds_total",
		"How long writing transactions of this node waited to begin: for a connection and, on SQLite, for other writers.", nil, nil)
	descHeld = prometheus.NewDesc("orderflow_database_held_seconds_total",
		"How long writing transactions of this node were open. On SQLite, all nodes together: how busy the one writer is.", nil, nil)
	descWAL = prometheus.NewDesc("orderflow_database_wal_bytes",
		"Size of SQLite's write-ahead log; 0 on SQL Server.", nil, nil)
	descLag = prometheus.NewDesc("orderflow_projection_lag_events",
		"Events that the views are behind, over all partitions; not there while it is not known.", nil, nil)
	descMissing = prometheus.NewDesc("orderflow_role_missing",
		"Whether no live node of the cluster has this role (1) or one has (0).", []string{"role"}, nil)
)

// nodeCollector reads the node and the counts when it is scraped.
type nodeCollector struct{ admin *admin }

// Describe is prometheus.Collector.
func (nodeCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descOrders, descCount, descInfo, descEpoch, descSlots, descBusy, descStatements, descTransactions, descRetries, descLost, descTakeOvers, descInterrupted, descWaited, descHeld, descWAL, descLag, descMissing} {
		to <- d
	}
}

// Collect is prometheus.Collector. A database that does not answer costs the orders,
// not the scrape.
func (c nodeCollector) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := c.admin.node.Stat(context.Background())
	gauge(descInfo, 1, s.Node, s.State, s.Version)
	gauge(descEpoch, float64(s.Epoch))
	gauge(descSlots, float64(s.Slots))
	gauge(descBusy, float64(s.Busy))
	to <- prometheus.MustNewConstMetric(descStatements, prometheus.CounterValue, float64(s.Statements))
	to <- prometheus.MustNewConstMetric(descTransactions, prometheus.CounterValue, float64(s.Transactions))
	to <- prometheus.MustNewConstMetric(descRetries, prometheus.CounterValue, float64(s.Retries))
	to <- prometheus.MustNewConstMetric(descLost, prometheus.CounterValue, float64(s.NodesLost))
	to <- prometheus.MustNewConstMetric(descTakeOvers, prometheus.CounterValue, float64(s.TakeOvers))
	to <- prometheus.MustNewConstMetric(descInterrupted, prometheus.CounterValue, float64(s.StepsInterrupted))
	to <- prometheus.MustNewConstMetric(descWaited, prometheus.CounterValue, s.WaitedSeconds)
	to <- prometheus.MustNewConstMetric(descHeld, prometheus.CounterValue, s.HeldSeconds)
	gauge(descWAL, float64(s.WALBytes))
	if s.Lag != nil {
		gauge(descLag, float64(*s.Lag))
	}
	for _, role := range []string{"api", "worker", "projector"} {
		missing := 0.0
		if slices.Contains(s.MissingRoles, role) {
			missing = 1
		}
		gauge(descMissing, missing, role)
	}
	orders, err := c.admin.counts(context.Background())
	for status, n := range orders {
		gauge(descOrders, float64(n), string(status))
	}
	counted := 1.0
	if err != nil {
		counted = 0
	}
	gauge(descCount, counted)
}
