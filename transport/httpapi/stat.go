package httpapi

import (
	"time"

	"orderflow/domain"
)

// NodeStat is how a node stands.
type NodeStat struct {
	Node    string `json:"node"`
	Epoch   int64  `json:"epoch"` // of its registration; 0 before the first
	State   string `json:"state"` // work.NodeActive, NodeUnregistered, NodeCordoned, NodeDraining, NodeStopped
	Version string `json:"version"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	// Roles are api, worker, projector, as far as the node has them.
	Roles []string `json:"roles"`
	// Database is the DSN without its password.
	Database  string    `json:"database"`
	StartedAt time.Time `json:"started_at"`
	// HeartbeatAt is when the registration was last renewed, by the node's clock; zero before.
	HeartbeatAt time.Time `json:"heartbeat_at,omitzero"`
	Slots       int       `json:"slots"` // workers
	Busy        int       `json:"busy"`  // workers with work
	// Statements and Transactions count what was sent to the database since the start, Retries
	// the transactions that had to be begun again (deadlocks, broken connections). RoundTrips are
	// requests of any kind, BEGIN and COMMIT among them; 0 on SQLite.
	Statements   int64 `json:"statements"`
	Transactions int64 `json:"transactions"`
	RoundTrips   int64 `json:"round_trips"`
	Retries      int64 `json:"retries"`
	// NodesLost counts nodes that this one was the first to find lost, TakeOvers the orders that
	// it took over from nodes that were gone, StepsInterrupted the attempts that it recorded as
	// interrupted; since the start.
	NodesLost        int64 `json:"nodes_lost"`
	TakeOvers        int64 `json:"takeovers"`
	StepsInterrupted int64 `json:"steps_interrupted"`
	// WaitedSeconds is how long transactions have waited to begin, HeldSeconds how long they
	// were open.
	WaitedSeconds float64 `json:"waited_seconds"`
	HeldSeconds   float64 `json:"held_seconds"`
	// WALBytes is the size of SQLite's write-ahead log; 0 on SQL Server.
	WALBytes int64 `json:"wal_bytes"`
	// Lag is how many events the views are behind, over all partitions, some seconds ago; null
	// while that is not known.
	Lag *int64 `json:"lag"`
	// MissingRoles are the roles that no live node of the cluster had some seconds ago.
	MissingRoles []string `json:"missing_roles"`
	// Alarms counts the open alarms by code, if this node has the duty of the watchdog; not there otherwise.
	Alarms map[string]int `json:"alarms,omitempty"`
	// WatchdogAt is when a round of the watchdog last succeeded on this node; not there if none has.
	WatchdogAt time.Time `json:"watchdog_at,omitzero"`
}

// statAnswer is the body of /command/stat.
type statAnswer struct {
	NodeStat
	UptimeSeconds float64 `json:"uptime_seconds"`
	// Orders counts orders by status, every status; null if the database did not say.
	Orders map[domain.Status]int64 `json:"orders"`
}

// instantOf is t in the form of all times that are sent: UTC, microseconds, without the monotonic clock.
func instantOf(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
