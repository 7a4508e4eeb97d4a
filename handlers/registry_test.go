package handlers

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// registration is a row of the register of a cluster.
type registration struct {
	epoch   int64
	state   string
	busy    int
	renewed time.Time
	expires time.Time
}

// registryFaults are what the register does instead of answering. A hook that blocks is
// a database that hangs.
type registryFaults struct {
	register, renew, release func(context.Context) error
	rehearse                 func(context.Context) error // a renewal of no registration
}

var _ Registry = (*cluster)(nil)

func (c *cluster) fault(ctx context.Context, pick func(*registryFaults) func(context.Context) error) error {
	c.mu.Lock()
	f := pick(&c.registry)
	c.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(ctx)
}

// breakRegistry changes what the register does.
func (c *cluster) breakRegistry(change func(*registryFaults)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.registry)
}

func (c *cluster) Register(ctx context.Context, node work.Node, ttl time.Duration) (int64, error) {
	if err := c.fault(ctx, func(f *registryFaults) func(context.Context) error { return f.register }); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.nodes[node.Node] {
		if r.epoch != node.Epoch && time.Now().Before(r.expires) {
			return 0, &work.NameTakenError{Holder: work.Node{Node: node.Node, Epoch: r.epoch, Host: "h", PID: 1, HeartbeatAt: r.renewed, ExpiresAt: r.expires}}
		}
	}
	epoch := int64(len(c.nodes[node.Node]) + 1)
	c.nodes[node.Node] = append(c.nodes[node.Node], &registration{epoch: epoch, state: work.NodeActive, renewed: time.Now(), expires: time.Now().Add(ttl)})
	return epoch, nil
}

func (c *cluster) Renew(ctx context.Context, of work.Registration, state string, busy int, ttl time.Duration) error {
	pick := func(f *registryFaults) func(context.Context) error { return f.renew }
	if of.Epoch == 0 {
		pick = func(f *registryFaults) func(context.Context) error { return f.rehearse }
	}
	if err := c.fault(ctx, pick); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.registered(of.Node, of.Epoch)
	if r == nil || !time.Now().Before(r.expires) {
		return domain.ErrFenced
	}
	r.state, r.busy, r.renewed, r.expires = state, busy, time.Now(), time.Now().Add(ttl)
	return nil
}

func (c *cluster) Release(ctx context.Context, of work.Registration) error {
	if err := c.fault(ctx, func(f *registryFaults) func(context.Context) error { return f.release }); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.registered(of.Node, of.Epoch)
	if r == nil || !time.Now().Before(r.expires) {
		return domain.ErrFenced
	}
	r.state, r.expires = work.NodeStopped, time.Now()
	c.wake()
	return nil
}

func (c *cluster) registered(node string, epoch int64) *registration {
	if all := c.nodes[node]; epoch >= 1 && int(epoch) <= len(all) {
		return all[epoch-1]
	}
	return nil
}

// node is the latest registration of a node; the zero registration if there is none.
func (c *cluster) node(name string) registration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.registered(name, int64(len(c.nodes[name]))); r != nil {
		return *r
	}
	return registration{}
}
