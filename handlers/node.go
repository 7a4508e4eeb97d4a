package handlers

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Registry is the register of nodes. It judges registrations by the database's clock.
type Registry interface {
	// Register enters a node for ttl and gives its epoch, which is higher than that of any earlier
	// registration of the name, and than node.Epoch. It is a *work.NameTakenError if another
	// registration of the name, of an epoch other than node.Epoch, is good.
	Register(ctx context.Context, node work.Node, ttl time.Duration) (epoch int64, err error)
	// Renew extends a registration to ttl from now; domain.ErrFenced once it has ended, or if there never was
	// one, as of epoch 0.
	Renew(ctx context.Context, of work.Registration, state string, busy int, ttl time.Duration) error
	// Release ends a registration and all its leases at once; domain.ErrFenced if it has
	// ended already.
	Release(ctx context.Context, of work.Registration) error
}

// NodeConfig is this process as a node. Zero durations take their defaults.
type NodeConfig struct {
	// Info is what the register says of the node; its Node must be set. Epoch, State, Busy
	// and the times are not read.
	Info work.Node
	// Registry is required.
	Registry Registry
	// Heartbeat is the time between renewals. 1 s by default; less than half of LeaseTTL.
	Heartbeat time.Duration
	// LeaseTTL is how long the node's leases outlive a renewal. 5 s by default.
	LeaseTTL time.Duration
	// Busy is the number of workers with work; nil for none.
	Busy func() int
	// OnRenewal is called after each registration and renewal, with its error. It must not block.
	// Optional.
	OnRenewal func(error)
	// Why gives the known reason why the database does not answer, or nil. Optional.
	Why func() error
	// Logger hears of renewals that fail. Silent if nil.
	Logger *logrus.Entry
}

func (c NodeConfig) withDefaults() NodeConfig {
	c.Heartbeat = cmp.Or(c.Heartbeat, time.Second)
	c.LeaseTTL = cmp.Or(c.LeaseTTL, 5*time.Second)
	if c.Busy == nil {
		c.Busy = func() int { return 0 }
	}
	if c.OnRenewal == nil {
		c.OnRenewal = func(error) {}
	}
	if c.Why == nil {
		c.Why = func() error { return nil }
	}
	c.Logger = orSilent(c.Logger).WithField("node", c.Info.Node)
	return c
}

func (c NodeConfig) validate() error {
	switch {
	case c.Info.Node == "":
		return fmt.Errorf("%w: the node has no name", domain.ErrInvalid)
	case c.Registry == nil:
		return fmt.Errorf("%w: node %s has no register", domain.ErrInvalid, c.Info.Node)
	case c.Heartbeat <= 0 || 2*c.Heartbeat >= c.LeaseTTL:
		return fmt.Errorf("%w: node %s: the heartbeat (%s) must be more than nothing and less than half of the leases' time (%s)",
			domain.ErrInvalid, c.Info.Node, c.Heartbeat, c.LeaseTTL)
	}
	return nil
}

// Node is this process's membership in the cluster: one registration after another,
// each kept up by a heartbeat.
type Node struct {
	conf NodeConfig
	poke chan struct{} // asks for a heartbeat at once

	failing time.Time // since when the register does not answer Run; zero while it does

	mu     sync.Mutex
	state  string // work.NodeStopped is the last
	tenure *tenure
	round  time.Time // when Run last came round
}

// NewNode checks c; what is missing or does not fit is of kind domain.ErrInvalid.
func NewNode(c NodeConfig) (*Node, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Node{conf: c, poke: make(chan struct{}, 1), state: work.NodeActive}, nil
}

// Tenure is the present registration; false if there is none that may be relied on.
func (n *Node) Tenure() (work.Tenure, bool) {
	n.mu.Lock()
	t := n.tenure
	n.mu.Unlock()
	if t == nil || !t.trusted() {
		return work.Tenure{}, false
	}
	return work.Tenure{Registration: n.registration(t), Context: t.ctx}, true
}

// registration is the one of a tenure.
func (n *Node) registration(t *tenure) work.Registration {
	return work.Registration{Node: n.conf.Info.Node, Epoch: t.epoch}
}

// Drain tells the cluster, by a heartbeat sent at once, that the node takes no more work. The node
// keeps its leases.
func (n *Node) Drain() {
	n.setState(work.NodeDraining)
	n.beat()
}

// Cordon tells the cluster that the node begins no work, or that it does again, by a heartbeat sent at once. It does
// nothing to a node that drains.
func (n *Node) Cordon(cordoned bool) {
	from, to := work.NodeActive, work.NodeCordoned
	if !cordoned {
		from, to = to, from
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == from {
		n.state = to
		n.beat()
	}
}

// Reregister ends the present registration, and the work under it. Run registers the node anew.
func (n *Node) Reregister() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tenure != nil {
		n.tenure.fence()
	}
}

// State is work.NodeActive, NodeCordoned, NodeDraining or NodeStopped.
func (n *Node) State() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state
}

// Alive gives nil if Run goes round, whatever the database answers, or an error that says for how long
// it has stood still.
func (n *Node) Alive() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.round.IsZero() || n.state == work.NodeStopped {
		return fmt.Errorf("node %s is not running", n.conf.Info.Node)
	}
	if idle := time.Since(n.round); idle > 2*n.conf.LeaseTTL {
		return fmt.Errorf("the heartbeat of node %s has stood still for %s", n.conf.Info.Node, idle)
	}
	return nil
}

func (n *Node) setState(state string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != work.NodeStopped {
		n.state = state
	}
}

func (n *Node) comeRound() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.round = time.Now()
}

func (n *Node) beat() {
	select {
	case n.poke <- struct{}{}:
	default: // one is asked for already
	}
}

// safely is how long a tenure may be relied on after the start of a renewal: four fifths of the
// lease's time. The last fifth is for the work to stop in.
func safely(ttl time.Duration) time.Duration { return ttl - ttl/5 }

// tenure is one registration of the node. Unless it is extended, a timer ends it, even while a call
// hangs.
type tenure struct {
	epoch int64
	ctx   context.Context
	end   context.CancelCauseFunc

	mu    sync.Mutex
	until time.Time // by the monotonic clock
	timer *time.Timer
}

// newTenure begins a tenure. renewed is when the call that registered it began, which is
// never later than the moment from which the database counts the lease.
func newTenure(epoch int64, renewed time.Time, ttl time.Duration) *tenure {
	t := &tenure{epoch: epoch, until: renewed.Add(safely(ttl))}
	t.ctx, t.end = context.WithCancelCause(context.Background())
	t.timer = time.AfterFunc(time.Until(t.until), t.fence)
	return t
}

// extend moves the end, never to an earlier time: the answers to two renewals may come
// in either order. A tenure that has ended stays ended.
func (t *tenure) extend(renewed time.Time, ttl time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if until := renewed.Add(safely(ttl)); until.After(t.until) {
		t.until = until
		t.timer.Reset(time.Until(t.until))
	}
}

// fence ends the tenure now.
func (t *tenure) fence() {
	t.end(domain.ErrFenced)
	t.timer.Stop()
}

// trusted says whether the tenure may be relied on. It compares the clock: after a pause of the process
// the timer can be late.
func (t *tenure) trusted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ctx.Err() == nil && time.Now().Before(t.until)
}
