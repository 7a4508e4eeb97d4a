package harness

import (
	"time"

	"orderflow/internal/chaos/schedule"
)

// Config is what a run is made of.
type Config struct {
	Seed   uint64
	Faults int
	Nodes  int
	Only   []schedule.Kind // these kinds of fault alone
	Binary string
	Dir    string // for the evidence, and the database if DSN is empty
	DSN    string
	// DSNs gives each node a DSN of its own, through Network.
	DSNs    []string
	Network []Network
	Logf    func(format string, args ...any)
	Times
}

// Times are how quick a run is.
type Times struct {
	Rate float64 // orders a second
	// Cancel is the share of the orders that operators cancel.
	Cancel float64
	Gap    time.Duration // mean time between faults
	// Step is how long the quickest node's steps take; the next one's take 40 ms more, and so on.
	Step time.Duration
	// Settle is how long the system may take to end all work once everything is healed.
	Settle time.Duration
	// Lease is how long a node's leases outlive a heartbeat, of which there are some six in that
	// time. A short one lets many faults fit into little time.
	Lease time.Duration
	// TakeOver is how long the work of a lost node may lie.
	TakeOver time.Duration
}

// Network breaks the connections of one node to its database.
type Network interface {
	Cut()
	Delay(d time.Duration)
	Silence(on bool)
}

const (
	workers = "10"
	// spare is how many nodes stay whole at any time.
	spare = 2
	// drainWait is how long a node may take to drain.
	drainWait = 30 * time.Second
	// readyWait is how long the nodes may take in the beginning until the cluster is whole.
	readyWait = 60 * time.Second
)

func (conf Config) flags() []string {
	return []string{
		"--heartbeat", (conf.Lease * 3 / 20).String(), "--lease-ttl", conf.Lease.String(), "--workers", workers, "--step-failure-rate", "0.06",
		"--max-interruptions", "100", "--drain-timeout", "10s", "--retention", "1m", "--seed", "1",
		"--watchdog-every", "500ms",
	}
}
