package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// health has the signs of life of the node's parts, and the probe of the database.
type health struct {
	heart, claims, applying *pulse // of the heartbeat, the claim loop, the projector
	probe                   *probe
	cluster                 *surroundings
}

func newHealth(o Orders, g *guard, self self) health {
	return health{
		heart: newPulse("the heartbeat"), claims: newPulse("the claim loop"), applying: newPulse("the projector"),
		probe:   &probe{do: func(ctx context.Context) error { return g.probe(ctx, self.name) }, blocked: o.DB.Blocked},
		cluster: &surroundings{db: o.DB, store: o.Store, nodes: inflight.NewNodes(o.DB), log: self.entry("cluster")},
	}
}

// The bounds of probes of the database: how often one is begun at most, and how long it may
// take. The second is below the time in which checks have to be answered.
const (
	probeEvery   = time.Second
	probeTimeout = 4 * time.Second
)

// probe finds out whether the database takes orders, by doing what an order does. All who ask
// within a second share one answer, so that asking costs no more than that.
type probe struct {
	do      func(context.Context) error
	blocked func() error // says what keeps the database from answering; nil for nothing known

	mu   sync.Mutex
	last *probed // nil before the first
}

// probed is one probe. err is set before done is closed.
type probed struct {
	begun time.Time
	done  chan struct{}
	err   error
}

// ask gives the result of the last probe, or of a new one. It waits until ctx ends.
func (p *probe) ask(ctx context.Context) error {
	found := p.current()
	select {
	case <-found.done:
		return found.err
	case <-ctx.Done():
		return named(p.blocked, ctx.Err())
	}
}

// current is the probe that is under way or was begun less than a second ago, or else a new one.
func (p *probe) current() *probed {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil && (!p.last.ended() || time.Since(p.last.begun) < probeEvery) {
		return p.last
	}
	p.last = &probed{begun: time.Now(), done: make(chan struct{})}
	go p.run(p.last)
	return p.last
}

func (p *probe) run(to *probed) {
	defer close(to.done)
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	to.err = named(p.blocked, p.do(ctx))
}

// failed is the error of the last probe, if that has ended and is of the last minute.
func (p *probe) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil || !p.last.ended() || time.Since(p.last.begun) > time.Minute {
		return nil
	}
	return p.last.err
}

func (p *probed) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// named adds the known reason to the error of a probe that was not answered in time.
func named(blocked func() error, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, schema.ErrLocked) {
		return err
	}
	if why := blocked(); why != nil {
		return fmt.Errorf("%w (%w)", why, err)
	}
	return err
}

// pulse is the sign of life of a part that does rounds.
type pulse struct {
	part string

	mu        sync.Mutex
	succeeded time.Time // the last round that did; the making, before the first
	err       error     // of the last round
}

func newPulse(part string) *pulse { return &pulse{part: part, succeeded: time.Now()} }

// beat notes how a round ended.
func (p *pulse) beat(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err = err; err == nil {
		p.succeeded = time.Now()
	}
}

// last is when a round last succeeded.
func (p *pulse) last() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.succeeded
}

// failing says why the last round failed, if none has succeeded for longer than grace.
func (p *pulse) failing(grace time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if since := time.Since(p.succeeded); p.err != nil && since > grace {
		return fmt.Errorf("%s has failed for %s: %w", p.part, since.Round(time.Millisecond), p.err)
	}
	return nil
}
