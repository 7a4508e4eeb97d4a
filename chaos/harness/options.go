package harness

import (
	"time"

	"orderflow/chaos/schedule"
)

// Options are what a run is made of.
type Options struct {
	Seed   uint64
	Faults int
	Nodes  int
	Rate   float64 // orders a second
	Gap    time.Duration
	Binary string
	Dir    string // for the evidence, and the database if DSN is empty
	DSN    string
	// DSNs gives each node a DSN of its own, through Network.
	DSNs    []string
	Network []Network
	Only    []schedule.Kind // these kinds of fault alone
	Logf    func(format string, args ...any)
	// Step is how long the quickest node's steps take; the next one's take 40 ms more, and so on.
	Step time.Duration
	// Settle is how long the system may take to end all work once everything is healed.
	Settle time.Duration
	// TakeOver is how long the work of a lost node may lie.
	TakeOver time.Duration
}

// Network breaks the connections of one node to its database.
type Network interface {
	Cut()
	Delay(d time.Duration)
	Silence(on bool)
}

// The cluster's times: short, so that many faults fit into little time.
const (
	heartbeat = 300 * time.Millisecond
	lease     = 2 * time.Second
	workers   = "10"
	// spare is how many nodes stay whole at any time.
	spare = 2
	// drainWait is how long a node may take to drain.
	drainWait = 30 * time.Second
)

func flags() []string {
	return []string{
		"--heartbeat", heartbeat.String(), "--lease-ttl", lease.String(), "--workers", workers, "--step-failure-rate", "0.06",
		"--max-interruptions", "100", "--drain-timeout", "10s", "--retention", "1m", "--seed", "1",
	}
}
