package main

import (
	"slices"
	"strings"
	"time"
)

// The roles of a node.
const (
	roleAPI       = "api"
	roleWorker    = "worker"
	roleProjector = "projector"
)

// serveCmd is the whole configuration of a node: each field is a flag, and a variable
// of the environment with the prefix ORDERFLOW_.
type serveCmd struct {
	databaseFlag
	NoMigrate bool `env:"ORDERFLOW_NO_MIGRATE" help:"Do not bring the schema up to date at the start; fail if it is not."`

	Listen       string   `default:"127.0.0.1:8080" env:"ORDERFLOW_LISTEN" placeholder:"HOST:PORT" help:"Where the customers' API listens (role api). Port 0: any free port." group:"Network:"`
	Admin        string   `default:"127.0.0.1:8765" env:"ORDERFLOW_ADMIN" placeholder:"HOST:PORT" help:"Where the admin interface of this node listens. Port 0: any free port." group:"Network:"`
	AddrFile     string   `env:"ORDERFLOW_ADDR_FILE" placeholder:"PATH" help:"Write the real addresses to this file, as JSON, when they can be used." group:"Network:"`
	AllowedHosts []string `env:"ORDERFLOW_ALLOWED_HOSTS" placeholder:"HOST" help:"Names under which a proxy or client may ask for this node, beside localhost and loopback addresses (header Host, without port). Without --auth-file, other names are refused (421) on both listeners; with it, only if this flag is given, and only by the API." group:"Network:"`
	AuthFile     string   `env:"ORDERFLOW_AUTH_FILE" placeholder:"PATH" help:"File of tokens, lines role:token with the roles customer, operator, auditor. Required to listen beyond this machine." group:"Network:"`
	Roles        []string `default:"api,worker,projector" env:"ORDERFLOW_ROLES" help:"What this node does: api, worker, projector." group:"Work:"`
	NodeID       string   `name:"node-id" env:"ORDERFLOW_NODE_ID" placeholder:"NAME" help:"Name of the node, unique in the cluster. Default: a random one." group:"Work:"`
	Workers      int      `default:"50" env:"ORDERFLOW_WORKERS" help:"Steps that this node works on at once (role worker)." group:"Work:"`

	StepTimeout      time.Duration `default:"60s" env:"ORDERFLOW_STEP_TIMEOUT" help:"A step that takes longer is interrupted and tried again." group:"Work:"`
	MaxInterruptions int           `default:"3" env:"ORDERFLOW_MAX_INTERRUPTIONS" help:"An order whose step was interrupted this often is parked, for an operator to look at." group:"Work:"`
	Heartbeat        time.Duration `default:"1s" env:"ORDERFLOW_HEARTBEAT" help:"How often the node renews its leases." group:"Work:"`
	LeaseTTL         time.Duration `name:"lease-ttl" default:"5s" env:"ORDERFLOW_LEASE_TTL" help:"When other nodes take over, after the last heartbeat. More than twice --heartbeat." group:"Work:"`
	DrainTimeout     time.Duration `default:"30s" env:"ORDERFLOW_DRAIN_TIMEOUT" help:"How long running steps may take to finish when the node stops." group:"Work:"`

	StepDuration    time.Duration `default:"5s" env:"ORDERFLOW_STEP_DURATION" help:"How long a simulated step takes." group:"Simulated work:"`
	StepFailureRate float64       `default:"0.05" env:"ORDERFLOW_STEP_FAILURE_RATE" placeholder:"RATIO" help:"Which part of the simulated steps fails, 0 to 1." group:"Simulated work:"`
	Seed            uint64        `default:"0" env:"ORDERFLOW_SEED" help:"Makes the simulated failures repeatable. 0: random." group:"Simulated work:"`

	Retention time.Duration `default:"24h" env:"ORDERFLOW_RETENTION" help:"How long consumed messages and ended registrations of nodes are kept. Events are kept for ever." group:"Housekeeping:"`
	LogLevel  string        `default:"info" env:"ORDERFLOW_LOG_LEVEL" enum:"trace,debug,info,warn,error" help:"trace, debug, info, warn or error." group:"Housekeeping:"`
	LogFormat string        `default:"text" env:"ORDERFLOW_LOG_FORMAT" enum:"text,json" help:"text or json." group:"Housekeeping:"`
}

// Help is the long help.
func (serveCmd) Help() string {
	return `Without flags, one process runs the whole system on orderflow.db in the current folder. Several processes may share
one file on one machine, and any number of machines one SQL Server; each takes a part of the work, and when one dies the
others take its orders over.

The first SIGTERM or Ctrl-C lets running steps finish (see --drain-timeout) and exits 0; a second one, a second later or more,
quits at once. SIGHUP reads the file of --auth-file anew; without that flag it is as SIGTERM.

Examples:

    orderflow serve --step-duration 200ms --step-failure-rate 0
    orderflow serve --dsn shop.db --listen 127.0.0.1:0 --admin 127.0.0.1:0 --roles worker
    ORDERFLOW_DSN='sqlserver://of:secret@db:1433?database=orderflow' orderflow serve --listen :8080 --auth-file tokens.txt`
}

func (c *serveCmd) has(role string) bool { return slices.Contains(c.Roles, role) }

// roles is the list of roles as nodes are registered with it.
func (c *serveCmd) roles() string { return strings.Join(c.Roles, ",") }

// slots is how many steps the node works on at once.
func (c *serveCmd) slots() int {
	if c.has(roleWorker) {
		return c.Workers
	}
	return 0
}
