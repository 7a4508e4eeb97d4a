package handlers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
)

// errWorkLeft is the cause with which a worker ends a node whose handlers still run.
var errWorkLeft = errors.New("handlers are still running")

// Run registers the node and renews the registration. Before that it tries whether the database answers a
// renewal in time. If the registration is lost, Run registers the node anew as soon as the database answers. When
// ctx ends, Run releases the registration, so that others can take over the node's leases at once.
//
// While another registration under its name is good, Run waits for the end of that registration: it
// may be this node's own, from before a crash. If that registration is renewed meanwhile, two
// processes have one name, which is an error.
func (n *Node) Run(ctx context.Context) error {
	for epoch := int64(0); ; {
		t, err := n.register(ctx, epoch)
		if t == nil {
			n.setState(work.NodeStopped)
			return err
		}
		if !n.keep(ctx, t) {
			return n.release(ctx, t)
		}
		epoch = t.epoch
	}
}

// register begins a tenure. It tries until the database lets it. The tenure is nil if ctx ends first,
// or if another process has the name. last is the epoch before, 0 if there was none.
func (n *Node) register(ctx context.Context, last int64) (*tenure, error) {
	var rival work.Node // who was seen to have the name
	var r rehearsal
	for pause := firstPause; ; pause = min(2*pause, n.conf.Heartbeat) {
		n.comeRound()
		began := time.Now()
		epoch, err := int64(0), n.rehearse(ctx, &r)
		if err == nil {
			began = time.Now()
			epoch, err = n.enter(ctx, last)
		}
		var taken *work.NameTakenError
		switch {
		case err == nil:
			t := newTenure(epoch, began, n.conf.LeaseTTL)
			n.begin(t)
			n.conf.OnRenewal(nil)
			if time.Since(began) > n.conf.Heartbeat {
				n.beat() // much of the registration is over already
			}
			return t, nil
		case errors.As(err, &taken):
			if err := n.waitsFor(rival, taken.Holder); err != nil {
				return nil, err
			}
			rival = taken.Holder
		default:
			n.failed(began, err, "the node could not be registered; trying again")
		}
		if wait(ctx, pause/2+rand.N(pause)) != nil {
			return nil, nil //nolint:nilerr,nilnil // the node is to end
		}
	}
}

// rehearsal is how the renewals went that a node has tried before it registers.
type rehearsal struct {
	late    int         // that were answered too late to keep a registration
	patient atomic.Bool // there is one under way that is not broken off when the node gives it up
}

// mostLate is how many renewals may be answered late before the node registers all the same: a database that
// is always slow keeps no node from its work. Those that get no answer while a registration would be safe do not
// count: with such answers none can be kept, and they may be those of a database that is away.
const mostLate = 5

// opening is how many lease times a connection may take to be opened. It costs several round trips and a first
// statement that is slow.
const opening = 3

// rehearse sends a renewal that changes nothing, since no registration has the epoch 0. So the way to the
// register is open and warm before a registration begins to expire. The error says that there was no answer, or
// a late one: connections are being opened, and the server has no time for heartbeats. The call is not broken off
// when ctx ends: that would cost its connection. For the same reason one call goes on when the node gives it up:
// where it takes long to open a connection none would ever be opened. The others make way when they are given up, so
// that a connection that is dead does not keep a new one from being tried.
func (n *Node) rehearse(ctx context.Context, r *rehearsal) error {
	began, within := time.Now(), safely(n.conf.LeaseTTL)
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	patient := r.patient.CompareAndSwap(false, true)
	if patient {
		within = opening * n.conf.LeaseTTL
	}
	err := await(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
		defer cancel()
		if patient {
			defer r.patient.Store(false)
		}
		return n.conf.Registry.Renew(ctx, work.Registration{Node: n.conf.Info.Node}, work.NodeActive, 0, n.conf.LeaseTTL)
	})
	if err != nil && !errors.Is(err, domain.ErrFenced) {
		return err
	}
	took := time.Since(began)
	if took <= n.conf.Heartbeat {
		return nil
	}
	if r.late++; r.late > mostLate {
		n.conf.Logger.WithField("answer_after", took.Round(time.Millisecond).String()).Warn(
			"the register answers heartbeats late; the node registers all the same, and may lose its registration")
		return nil
	}
	return fmt.Errorf("%w: a heartbeat was answered after %s, and every %s one is due", domain.ErrUnavailable, took.Round(time.Millisecond), n.conf.Heartbeat)
}

// waitsFor logs, once, which registration the node waits for. It gives an error if that registration
// was renewed: then another process lives under the name.
func (n *Node) waitsFor(before, now work.Node) error {
	if before.Epoch == now.Epoch {
		if now.HeartbeatAt.After(before.HeartbeatAt) {
			return fmt.Errorf("another process works under the name of node %s (host %s, process %d, admin interface %s; it renewed its registration at %s): each node needs a name of its own",
				now.Node, now.Host, now.PID, now.Admin, now.HeartbeatAt.UTC().Format(time.RFC3339))
		}
		return nil
	}
	n.conf.Logger.WithFields(logrus.Fields{
		"held_by_host": now.Host, "held_by_pid": now.PID, "held_by_epoch": now.Epoch, "last_heartbeat": now.HeartbeatAt.UTC().Format(time.RFC3339Nano), "expires_at": now.ExpiresAt.UTC().Format(time.RFC3339Nano),
	}).Warn("the node's name has a registration that is still good, perhaps its own from before a crash; waiting until it expires")
	return nil
}

// enter asks for a registration, for as long as it could still be used. The end of ctx does not
// interrupt it: a registration that the node does not know of could not be released.
func (n *Node) enter(ctx context.Context, last int64) (int64, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), safely(n.conf.LeaseTTL))
	defer cancel()
	info := n.conf.Info
	info.Epoch, info.State, info.Busy = last, n.State(), n.conf.Busy()
	var epoch int64
	err := await(ctx, func(ctx context.Context) (err error) {
		epoch, err = n.conf.Registry.Register(ctx, info, n.conf.LeaseTTL)
		return err
	})
	if err != nil {
		return 0, err // the call may still be writing the epoch
	}
	return epoch, nil
}

// await calls f and gives its error, or the cause of ctx's end if that comes first. It does not
// wait for a call that ignores its context.
func await(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (n *Node) begin(t *tenure) {
	n.mu.Lock()
	n.tenure = t
	n.mu.Unlock()
	n.recovered().WithField("epoch", t.epoch).Info("the node is registered")
	if n.State() != work.NodeActive {
		n.beat() // the register takes every new node for an active one
	}
}

// keep renews t until it is lost, or until ctx ends.
func (n *Node) keep(ctx context.Context, t *tenure) (lost bool) {
	tick := time.NewTicker(n.conf.Heartbeat)
	defer tick.Stop()
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
		began := time.Now()
		err := n.renew(ctx, t)
		switch {
		case err != nil && ctx.Err() == nil:
			n.failed(began, err, "the node's registration could not be renewed; trying again")
		case err == nil && !n.failing.IsZero() && t.trusted():
			n.recovered().Info("the node's registration is renewed again")
		}
	}
}

// failed logs an error of the register and tells OnRenewal. asked is when the call began.
func (n *Node) failed(asked time.Time, err error, what string) {
	if n.failing.IsZero() {
		n.failing = asked
	}
	err = n.named(err, time.Since(asked))
	n.conf.OnRenewal(err)
	n.conf.Logger.WithError(err).Warn(what)
}

// recovered is the logger for the news that the register answers. If it had not answered before, the
// line says for how long.
func (n *Node) recovered() *logrus.Entry {
	since := n.failing
	if n.failing = (time.Time{}); since.IsZero() {
		return n.conf.Logger
	}
	return n.conf.Logger.WithField("after", time.Since(since).Round(time.Millisecond).String())
}

// renew sends one heartbeat. It waits for the answer until the next heartbeat is due, or until half of
// the safe time is over, so that a dead connection leaves time for another try. A slow call goes on in
// the background and counts when it succeeds: to break it off would cost its connection.
func (n *Node) renew(ctx context.Context, t *tenure) error {
	crashpoint.Here("heartbeat.begin")
	began, ttl := time.Now(), n.conf.LeaseTTL
	ctx, cancel := context.WithTimeout(ctx, min(n.conf.Heartbeat, safely(ttl)/2))
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	return await(ctx, func(context.Context) error {
		err := n.conf.Registry.Renew(t.ctx, n.registration(t), n.State(), n.conf.Busy(), ttl)
		switch {
		case err == nil:
			t.extend(began, ttl)
			n.conf.OnRenewal(nil)
			crashpoint.Here("heartbeat.done")
		case errors.Is(err, domain.ErrFenced):
			t.fence()
		}
		return err
	})
}

// named adds the known reason to the error of a call that was given up after a time.
func (n *Node) named(err error, after time.Duration) error {
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return err
	}
	if why := n.conf.Why(); why != nil {
		return fmt.Errorf("%w (%w)", why, err)
	}
	return fmt.Errorf("no answer within %s: %w", after.Round(time.Millisecond), err)
}

// release ends the tenure: first the contexts of the node's work, then its leases in the database. If
// work has not stopped, the leases stay until they expire.
func (n *Node) release(ctx context.Context, t *tenure) error {
	t.fence()
	n.setState(work.NodeStopped)
	crashpoint.Here("release.stopped")
	if errors.Is(context.Cause(ctx), errWorkLeft) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.conf.LeaseTTL)
	defer cancel()
	err := await(ctx, func(ctx context.Context) error { return n.conf.Registry.Release(ctx, n.registration(t)) })
	if err != nil && !errors.Is(err, domain.ErrFenced) {
		return fmt.Errorf("release node %s, epoch %d: %w", n.conf.Info.Node, t.epoch, err)
	}
	crashpoint.Here("release.done")
	return nil
}
