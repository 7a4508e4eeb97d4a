package handlers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"orderflow/crashpoint"
	"orderflow/domain"
)

// register begins a tenure, trying until the database lets it; nil if ctx ends first.
func (n *Node) register(ctx context.Context) *tenure {
	warned := false
	for pause := firstPause; ; pause = min(2*pause, n.conf.Heartbeat) {
		n.comeRound()
		began := time.Now()
		epoch, err := n.enter(ctx)
		if err == nil {
			t := newTenure(epoch, began, n.conf.LeaseTTL)
			n.begin(t)
			if time.Since(began) > n.conf.Heartbeat {
				n.beat() // much of the registration is over already
			}
			return t
		}
		if !warned {
			warned = true
			n.conf.Logger.WithError(err).Warn("the node could not be registered; trying again")
		}
		if wait(ctx, pause/2+rand.N(pause)) != nil {
			return nil
		}
	}
}

// enter asks for a registration, for as long as the answer would be of use. The end of
// ctx doesn't interrupt it: a registration that nobody knows of could not be released.
func (n *Node) enter(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), safely(n.conf.LeaseTTL))
	defer cancel()
	info := n.conf.Info
	info.State, info.Busy = n.State(), n.conf.Busy()
	return await(ctx, func(ctx context.Context) (int64, error) {
		return n.conf.Registry.Register(ctx, info, n.conf.LeaseTTL)
	})
}

func (n *Node) begin(t *tenure) {
	n.mu.Lock()
	n.tenure = t
	n.mu.Unlock()
	n.conf.Logger.WithField("epoch", t.epoch).Info("the node is registered")
	if n.State() != domain.NodeActive {
		n.beat() // the register takes every new node for an active one
	}
}

// keep renews t until it is lost, or until ctx ends.
func (n *Node) keep(ctx context.Context, t *tenure) (lost bool) {
	tick := time.NewTicker(n.conf.Heartbeat)
	defer tick.Stop()
	failing := false
	for {
		n.comeRound()
		select {
		case <-ctx.Done():
			return false
		case <-t.ctx.Done():
			n.conf.Logger.WithField("epoch", t.epoch).Warn("the node's registration was lost; its work has been stopped")
			return true
		case <-tick.C:
		case <-n.poke:
		}
		err := n.renew(ctx, t)
		if err != nil && !failing && ctx.Err() == nil {
			n.conf.Logger.WithError(err).Warn("the node's registration could not be renewed; trying again")
		}
		failing = err != nil
	}
}

// renew sends one heartbeat and waits until the next is due, or half of the time that is
// safe is over, so that a connection that has died leaves time for another try. One that
// is only slow goes on meanwhile, and counts when it is through: to break it off would
// cost its connection.
func (n *Node) renew(ctx context.Context, t *tenure) error {
	crashpoint.Here("heartbeat.begin")
	began, ttl := time.Now(), n.conf.LeaseTTL
	ctx, cancel := context.WithTimeout(ctx, min(n.conf.Heartbeat, safely(ttl)/2))
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	_, err := await(ctx, func(context.Context) (struct{}, error) {
		err := n.conf.Registry.Renew(t.ctx, n.conf.Info.Node, t.epoch, n.State(), n.conf.Busy(), ttl)
		switch {
		case err == nil:
			t.extend(began, ttl)
			crashpoint.Here("heartbeat.done")
		case errors.Is(err, domain.ErrFenced):
			t.fence()
		}
		return struct{}{}, err
	})
	return err
}

// release ends the tenure: the node's own work first, then, in the database, its
// leases. Work that has not stopped keeps its leases until they expire.
func (n *Node) release(ctx context.Context, t *tenure) error {
	t.fence()
	n.setState(domain.NodeStopped)
	crashpoint.Here("release.stopped")
	if errors.Is(context.Cause(ctx), errWorkLeft) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.conf.LeaseTTL)
	defer cancel()
	_, err := await(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, n.conf.Registry.Release(ctx, n.conf.Info.Node, t.epoch)
	})
	if err != nil && !errors.Is(err, domain.ErrFenced) {
		return fmt.Errorf("release node %s, epoch %d: %w", n.conf.Info.Node, t.epoch, err)
	}
	crashpoint.Here("release.done")
	return nil
}
