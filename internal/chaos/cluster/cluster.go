package cluster

import (
	"fmt"
	"os"
	"path/filepath"
)

// Cluster is the nodes of one run.
type Cluster struct {
	Records
	Nodes []*Node
	conf  Config
}

// New makes a cluster whose nodes have not been started.
func New(conf Config) (*Cluster, error) {
	out, err := os.OpenFile(filepath.Join(conf.Dir, "incidents.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	c := &Cluster{conf: conf, Records: Records{out: out}}
	for i := range conf.Nodes {
		c.Nodes = append(c.Nodes, &Node{Name: fmt.Sprintf("n%d", i), conf: conf, records: &c.Records, index: i})
	}
	return c, nil
}

// Calls is the file of the executors' calls.
func (c *Cluster) Calls() string { return c.conf.calls() }

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
