package handlers

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
)

// cluster is an event store, its messages and the register of nodes, in memory. It
// holds what the handlers rely on: versions, leases, atomic appends, and that every
// event is one that domain.Decide allows.
type cluster struct {
	t testing.TB

	mu       sync.Mutex
	streams  map[domain.OrderID][]domain.Recorded
	rows     []*row // messages, those not yet claimed included
	position int64
	dead     []letter
	returned string                     // why a message was last given back
	nodes    map[string][]*registration // by epoch, from 1
	newer    bool                       // the streams cannot be read by this program
	faults   []fault
	registry registryFaults
	changed  chan struct{} // closed and replaced when there may be something to claim
}

// row is a message and its lease; node "" is nobody.
type row struct {
	topic         string
	position      int64
	uuid          string
	payload       []byte
	metadata      map[string]string
	node          string
	epoch         int64
	attempt       int
	interruptions int
	from          work.Owner // whose registration had ended while it held the message
}

type letter struct {
	uuid, reason string
}

// fault is what happens to the next append: before it (nothing is stored) or after it
// (stored, but the answer is lost).
type fault struct {
	before, after error
	hook          func()
}

func newCluster(t testing.TB) *cluster {
	return &cluster{
		t: t, streams: map[domain.OrderID][]domain.Recorded{},
		nodes: map[string][]*registration{}, changed: make(chan struct{}),
	}
}

var _ Store = (*cluster)(nil)

func (c *cluster) Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", domain.ErrUnavailable, ctx.Err())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	events := slices.Clone(c.streams[id])
	if len(events) == 0 {
		return nil, domain.ErrNotFound
	}
	if c.newer {
		return nil, fmt.Errorf("event %s: %w", domain.EventID(id, len(events)), domain.ErrNewer)
	}
	return events, nil
}

func (c *cluster) LoadAt(ctx context.Context, id domain.OrderID, _ int64) ([]domain.Recorded, error) {
	return c.Load(ctx, id)
}

// Append doesn't heed its context: the real store too may have taken an append up when
// the context ends.
func (c *cluster) Append(_ context.Context, u work.Unit) (work.Outcome, error) {
	f := c.nextFault()
	if f.hook != nil {
		f.hook()
	}
	if f.before != nil {
		return work.Outcome{}, f.before
	}
	recorded, err := c.commit(u)
	if err == nil && f.after != nil {
		err = f.after
	}
	if err != nil {
		return work.Outcome{}, err
	}
	return u.Outcome(recorded), nil
}

func (c *cluster) nextFault() (f fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) > 0 {
		f, c.faults = c.faults[0], c.faults[1:]
	}
	return f
}

// fail has the next appends go wrong.
func (c *cluster) fail(f ...fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, f...)
}

func (c *cluster) commit(u work.Unit) ([]domain.Recorded, error) {
	if err := storable(u); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	held, err := c.held(u)
	if err != nil {
		return nil, err
	}
	stream := c.streams[u.OrderID]
	if len(stream) != u.Expected && len(u.Events) > 0 {
		return nil, domain.ErrConflict
	}
	recorded := c.check(u, stream)
	c.streams[u.OrderID] = append(slices.Clip(stream), recorded...)
	for _, m := range u.Messages {
		r := &row{}
		if u.Settle.InHand() {
			r = held
		}
		r.topic, r.position, r.uuid, r.payload, r.metadata = m.Topic, recorded[m.Event].Position, m.UUID, m.Payload, m.Metadata
		if r.attempt, r.interruptions = 0, 0; r == held {
			r.attempt = 1
		}
		if !slices.Contains(c.rows, r) {
			c.rows = append(c.rows, r)
		}
	}
	if held != nil {
		c.settle(held, u)
	}
	c.wake()
	return recorded, nil
}

// storable says why a unit can never be stored.
func storable(u work.Unit) error {
	if u.OrderID.IsZero() || len(u.Events) == 0 && u.Lease.IsZero() ||
		u.Settle.InHand() && (u.Lease.IsZero() || len(u.Messages) != 1) ||
		slices.ContainsFunc(u.Messages, func(m work.Message) bool { return m.Event < 0 || m.Event >= len(u.Events) }) {
		return fmt.Errorf("%w: %+v", domain.ErrInvalid, u)
	}
	return nil
}

// held is the row of a unit's lease, or the one that is to be made; nil without a lease.
func (c *cluster) held(u work.Unit) (*row, error) {
	r := c.rowOf(u.Lease)
	if u.Settle == work.SettleStart && c.registered(u.Lease.Node, u.Lease.Epoch) != nil {
		r = &row{node: u.Lease.Node, epoch: u.Lease.Epoch}
	}
	if r == nil && !u.Lease.IsZero() {
		return nil, domain.ErrFenced
	}
	return r, nil
}

// check records the events and holds each against the rules.
func (c *cluster) check(a work.Unit, stream []domain.Recorded) (recorded []domain.Recorded) {
	o, err := domain.Fold(stream)
	if err != nil {
		c.t.Errorf("the stream of %s does not fold: %v", a.OrderID, err)
	}
	for len(recorded) < len(a.Events) {
		allowed, err := o.Decide(domain.CommandOf(a.Events[len(recorded)]))
		if err != nil {
			c.t.Errorf("order %s: %T was appended against the rules: %v", a.OrderID, a.Events[len(recorded)], err)
			allowed = a.Events[len(recorded):]
		}
		for _, want := range allowed {
			if len(recorded) == len(a.Events) || !reflect.DeepEqual(a.Events[len(recorded)], want) {
				c.t.Errorf("order %s: events %v lack %#v", a.OrderID, a.Events, want)
				return recorded
			}
			r := c.record(a.MetadataOf(len(recorded)), a.OrderID, want, o.Version+1)
			c.position++
			r.Position = c.position
			if err := o.Apply(r); err != nil {
				c.t.Errorf("order %s: %v", a.OrderID, err)
			}
			recorded = append(recorded, r)
		}
	}
	return recorded
}

func (c *cluster) record(meta domain.Metadata, id domain.OrderID, e domain.Event, version int) domain.Recorded {
	encoded, err := domain.Encode(domain.EventLevel, e)
	if err == nil {
		e, err = domain.Decode(domain.TypeOf(e), encoded.Schema, string(encoded.Data))
	}
	if err != nil {
		c.t.Errorf("order %s: %v", id, err)
	}
	meta.Schema = encoded.Schema
	return domain.Recorded{OrderID: id, Version: version, Type: domain.TypeOf(e), Event: e, Metadata: meta, Data: encoded.Data, RecordedAt: time.Now()}
}

func (c *cluster) rowOf(l work.Lease) *row {
	for _, r := range c.rows {
		if r.topic == l.Topic && r.position == l.Position && r.node == l.Node && r.epoch == l.Epoch && r.attempt == l.Attempt {
			return r
		}
	}
	return nil
}

func (c *cluster) settle(r *row, a work.Unit) {
	switch a.Settle {
	case work.SettleKeep, work.SettlePass, work.SettleStart:
	case work.SettleDone:
		c.remove(r)
	case work.SettleReturn:
		r.node, r.epoch, r.interruptions = "", 0, r.interruptions+1
		c.returned = a.Reason
	case work.SettleHandBack, work.SettleRelease:
		r.node, r.epoch = "", 0
		c.returned = a.Reason
	case work.SettlePark:
		c.dead = append(c.dead, letter{uuid: r.uuid, reason: a.Reason})
		c.remove(r)
	}
}

func (c *cluster) remove(r *row) {
	c.rows = slices.DeleteFunc(c.rows, func(x *row) bool { return x == r })
}

func (c *cluster) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Park is DeadLetters.
func (c *cluster) Park(_ context.Context, l work.Lease, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rowOf(l)
	if r == nil {
		return domain.ErrFenced
	}
	c.settle(r, work.Unit{Settle: work.SettlePark, Reason: reason})
	return nil
}

// place puts an order into the cluster.
func (c *cluster) place(id domain.OrderID) {
	c.t.Helper()
	a, err := work.Prepare(&domain.Order{ID: id}, domain.Metadata{Actor: "customer", CorrelationID: "request-1", TraceParent: "00-trace"},
		domain.Place{TrackingID: "t-1", Detail: []byte(`{"n":1}`)})
	if err == nil {
		_, err = c.Append(context.Background(), a)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// claim hands the next message to a node, without looking at its registration; nil if
// none waits.
func (c *cluster) claim(node string, epoch int64) (*message.Message, *hand) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, topic := range work.Topics() {
		for _, r := range c.rows {
			if r.topic == topic && c.free(r) {
				return c.take(r, node, epoch)
			}
		}
	}
	return nil, nil
}

// free says whether a message can be claimed. A row of an expired node can, and counts
// as interrupted.
func (c *cluster) free(r *row) bool {
	if r.node == "" {
		return true
	}
	if n := c.registered(r.node, r.epoch); n != nil && !time.Now().Before(n.expires) {
		r.from = work.Owner{Node: r.node, Stopped: n.state == work.NodeStopped}
		r.node, r.interruptions = "", r.interruptions+1
		return true
	}
	return false
}

func (c *cluster) take(r *row, node string, epoch int64) (*message.Message, *hand) {
	r.node, r.epoch, r.attempt = node, epoch, r.attempt+1
	msg := message.NewMessage(r.uuid, r.payload)
	for k, v := range r.metadata {
		msg.Metadata.Set(k, v)
	}
	from := r.from
	r.from = work.Owner{}
	return msg, &hand{lease: work.Lease{
		Topic: r.topic, Position: r.position, Registration: work.Registration{Node: node, Epoch: epoch},
		Attempt: r.attempt, Interruptions: r.interruptions, From: from,
	}}
}

// lose gives the message of a lease back as if its node had died.
func (c *cluster) lose(l *hand) { c.leave(l, work.Owner{Node: l.Node}) }

// leave gives the message of a lease back as if its node's registration had ended.
func (c *cluster) leave(l *hand, from work.Owner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.rowOf(l.lease); r != nil {
		r.from = from
		r.node, r.interruptions = "", r.interruptions+1
	}
}

// ended is what a subscriber does when a handler has returned.
func (c *cluster) ended(l *hand, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rowOf(l.lease)
	if l.settled || r == nil {
		return
	}
	if err == nil {
		c.remove(r)
	} else {
		r.node = ""
	}
	c.wake()
}

// left is the number of messages that are waiting or in flight.
func (c *cluster) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.rows)
}

// letters are the dead letters.
func (c *cluster) letters() []letter {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.dead)
}

// order is the fold of an order's stream.
func (c *cluster) order(id domain.OrderID) domain.Order {
	c.t.Helper()
	events, err := c.Load(context.Background(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	o, err := domain.Fold(events)
	if err != nil {
		c.t.Fatal(err)
	}
	return o
}
