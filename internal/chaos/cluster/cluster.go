package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"orderflow/internal/chaos/boottime"
	"orderflow/internal/chaos/judge"
)

// Config is what nodes are started with.
type Config struct {
	Binary string
	Dir    string // for logs, records and what nodes are told
	DSN    string
	DSNs   []string // a DSN of its own for each node, if it has one
	Nodes  int
	// Flags are those of `serve`, and FlagsOf more for one node.
	Flags   []string
	FlagsOf func(node int) []string
}

// Cluster is the nodes of one run.
type Cluster struct {
	conf  Config
	Nodes []*Node

	mu        sync.Mutex
	incidents []judge.Incident
	out       *os.File
	surprises []string
}

// New makes a cluster whose nodes have not been started.
func New(conf Config) (*Cluster, error) {
	out, err := os.OpenFile(filepath.Join(conf.Dir, "incidents.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	c := &Cluster{conf: conf, out: out}
	for i := range conf.Nodes {
		c.Nodes = append(c.Nodes, &Node{Name: fmt.Sprintf("n%d", i), cluster: c, index: i})
	}
	return c, nil
}

// Calls is the file of the executors' calls.
func (c *Cluster) Calls() string { return filepath.Join(c.conf.Dir, "calls.jsonl") }

// Record keeps an incident, now if it has no time.
func (c *Cluster) Record(i judge.Incident) {
	if i.At == 0 {
		i.At = boottime.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.incidents = append(c.incidents, i)
	if text, err := json.Marshal(i); err == nil {
		_, _ = c.out.Write(append(text, '\n')) // kept in memory too; this is for who reads the evidence
	}
}

// Incidents are those recorded so far.
func (c *Cluster) Incidents() []judge.Incident {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]judge.Incident(nil), c.incidents...)
}

func (c *Cluster) surprise(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.surprises = append(c.surprises, what)
}

// Surprises are the processes that ended without having been told to.
func (c *Cluster) Surprises() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.surprises...)
}

// Up are the nodes that can be spoken to, as far as is known.
func (c *Cluster) Up() []*Node {
	var up []*Node
	for _, n := range c.Nodes {
		if n.Up() {
			up = append(up, n)
		}
	}
	return up
}

// Close kills what still runs.
func (c *Cluster) Close() error {
	for _, n := range c.Nodes {
		n.Kill()
	}
	return c.out.Close()
}
