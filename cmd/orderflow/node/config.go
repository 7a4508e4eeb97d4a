package node

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

// Config is the configuration of a node. Each field without kong:"-" is a flag of "orderflow serve",
// and a variable of the environment with the prefix ORDERFLOW_.
type Config struct {
	DSN       string `kong:"-"` // of the database
	Version   string `kong:"-"` // of this program
	NoMigrate bool   `env:"ORDERFLOW_NO_MIGRATE" help:"Do not bring the schema up to date at the start; fail if it is not."`

	Network   `group:"Network:"`
	Work      `group:"Work:"`
	Simulated `group:"Simulated work:"`

	WatchdogEvery time.Duration `default:"15s" env:"ORDERFLOW_WATCHDOG_EVERY" help:"How often one node of the cluster checks what is new, a part of the old and the protection, and raises alarms. 0: this node does not." group:"Housekeeping:"`

	Retention time.Duration `default:"24h" env:"ORDERFLOW_RETENTION" help:"How long consumed messages and ended registrations of nodes are kept. Events are kept for ever." group:"Housekeeping:"`
}

// Network says where a node listens, and who may ask it.
type Network struct {
	Listen       string   `default:"127.0.0.1:8080" env:"ORDERFLOW_LISTEN" placeholder:"HOST:PORT" help:"Where the customers' API listens (role api). Port 0: any free port."`
	Admin        string   `default:"127.0.0.1:8765" env:"ORDERFLOW_ADMIN" placeholder:"HOST:PORT" help:"Where the admin interface of this node listens. Port 0: any free port."`
	AddrFile     string   `env:"ORDERFLOW_ADDR_FILE" placeholder:"PATH" help:"Write the real addresses to this file, as JSON, when they can be used."`
	AllowedHosts []string `env:"ORDERFLOW_ALLOWED_HOSTS" placeholder:"HOST" help:"Names under which a proxy or client may ask for this node, beside localhost and loopback addresses (header Host, without port). Without --auth-file, other names are refused (421) on both listeners; with it, only if this flag is given, and only by the API."`
	AuthFile     string   `env:"ORDERFLOW_AUTH_FILE" placeholder:"PATH" help:"File of tokens, lines role:token with the roles customer, operator, auditor. Required to listen beyond this machine."`
}

// Work says what a node does, and within what times.
type Work struct {
	Roles   []string `default:"api,worker,projector" env:"ORDERFLOW_ROLES" help:"What this node does: api, worker, projector."`
	NodeID  string   `name:"node-id" env:"ORDERFLOW_NODE_ID" placeholder:"NAME" help:"Name of the node, unique in the cluster. Default: a random one."`
	Workers int      `default:"50" env:"ORDERFLOW_WORKERS" help:"Steps that this node works on at once (role worker)."`

	StepTimeout      time.Duration `default:"60s" env:"ORDERFLOW_STEP_TIMEOUT" help:"A step that takes longer is interrupted and tried again."`
	MaxInterruptions int           `default:"3" env:"ORDERFLOW_MAX_INTERRUPTIONS" help:"An order whose step was interrupted this often is parked, for an operator to look at."`
	Heartbeat        time.Duration `default:"1s" env:"ORDERFLOW_HEARTBEAT" help:"How often the node renews its leases."`
	LeaseTTL         time.Duration `name:"lease-ttl" default:"5s" env:"ORDERFLOW_LEASE_TTL" help:"When other nodes take over, after the last heartbeat. More than twice --heartbeat."`
	DrainTimeout     time.Duration `default:"30s" env:"ORDERFLOW_DRAIN_TIMEOUT" help:"How long running steps may take to finish when the node stops."`
}

// Simulated says how the steps go, whose work is simulated.
type Simulated struct {
	StepDuration    time.Duration `default:"5s" env:"ORDERFLOW_STEP_DURATION" help:"How long a simulated step takes."`
	StepFailureRate float64       `default:"0.05" env:"ORDERFLOW_STEP_FAILURE_RATE" placeholder:"RATIO" help:"Which part of the simulated steps fails, 0 to 1."`
	Seed            uint64        `default:"0" env:"ORDERFLOW_SEED" help:"Makes the simulated failures repeatable. 0: random."`
}

func (c *Config) has(role string) bool { return slices.Contains(c.Roles, role) }

// roles is the list of roles as nodes are registered with it.
func (c *Config) roles() string { return strings.Join(c.Roles, ",") }

// slots is how many steps the node works on at once.
func (c *Config) slots() int {
	if c.has(roleWorker) {
		return c.Workers
	}
	return 0
}
