package eventstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
)

var (
	// errAgain: do the group again, without the appends that are committed apart.
	errAgain = errors.New("do the group again")
	// errRemembered: do the group again and read the ends of its streams. An append conflicts with
	// the end that the store remembers, which may be wrong.
	errRemembered = errors.New("the end of a stream has to be read")
	// errOtherHistory: do the group again with an empty memory.
	errOtherHistory = errors.New("the log is not the one that is remembered")
)

// commit is one transaction of one group of appends to one partition.
type commit struct {
	conf    *Config
	dialect schema.Dialect
	memory  *memory
	tx      *schema.Tx // nil if it is sent whole
	args    *[]any     // for the rows of events
	trust   trust

	group []*pending
	wanted
	head  head
	ends  streamEnds
	keys  holders
	clock groupClock
	written
}

// trust is what a try believes without reading it.
type trust int

const (
	inNothing trust = iota
	inEnds          // memory has the ends of streams
	inAll           // and where the head is, and keys are free
)

// wanted is what the group asks for.
type wanted struct {
	size    int   // events
	unknown []any // streams whose ends have to be read
}

// written is what a commit writes.
type written struct {
	done     []*pending // those that are committed
	events   []*domain.Recorded
	reserved []reservation
	messages []work.OutboxMessage
	passes   []work.Pass
	starts   []work.Pass
}

// groupClock gives the times of a group, which is nearly always one time.
type groupClock struct {
	begun time.Time // what the clock said when the first append was assigned its positions
	at    time.Time
	text  string // of at, as it is hashed
}

// now is the time of all that the group appends.
func (c *commit) now() time.Time {
	if c.clock.begun.IsZero() {
		c.clock.begun = truncate(c.conf.Clock())
	}
	return c.clock.begun
}

// hashed is a time as it is hashed.
func (g *groupClock) hashed(at time.Time) string {
	if g.text == "" || !at.Equal(g.at) {
		g.at, g.text = at, hashedTime(at)
	}
	return g.text
}

// stored is a time as schema.TimeArg has it: as it is hashed, without the zone.
func (g *groupClock) stored(at time.Time) string {
	text := g.hashed(at)
	return text[:len(text)-1]
}

// run is one try of the group. It locks in the order that doc.go names: leases, head,
// reservations.
//
// If the head and all ends of streams are believed to be as memory has them, everything is written at once,
// and the head is moved on the condition that it was there. Keys are then expected to be free, and their
// insertion finds out. A belief that was wrong costs another try, in which all is read.
func (c *commit) run(ctx context.Context) error {
	crashpoint.Here("append.begin")
	if err := c.doAlso(ctx); err != nil {
		return err
	}
	settle, held, err := c.settle()
	if err != nil {
		return fmt.Errorf("settle leases: %w", err)
	}
	if c.prepare(); c.head.believed {
		if err := c.assignAll(); err != nil {
			return err
		}
		return c.write(ctx, append(settle, c.head.move(len(c.events))...), held)
	}
	if err := c.lockAndRead(ctx, settle); err != nil {
		return err
	}
	if err := c.fence(c.group, (*pending).leased, held, false); err != nil {
		return err
	}
	crashpoint.Here("append.settled")
	if err := c.assignAll(); err != nil {
		return err
	}
	return c.write(ctx, c.head.giveBack(len(c.events)), nil)
}

// refuse gives an append its verdict. This try of the group leaves the append out from then on.
//
// begun says that the transaction has already done a part of the append, such as settling its lease.
// That part must not be committed. So the group is rolled back and done again without the append, and
// the append gets a transaction of its own afterwards. Its verdict there depends on no other append,
// and is the error of that transaction.
func (c *commit) refuse(p *pending, verdict error, begun bool) error {
	p.err = verdict
	switch {
	case !begun:
		return nil
	case len(c.group) == 1:
		return verdict
	}
	p.apart = true
	return errAgain
}

// doAlso calls the appends' functions (see AppendWith).
func (c *commit) doAlso(ctx context.Context) error {
	for _, p := range c.group {
		if p.also == nil {
			continue
		}
		err := p.also(ctx, c.tx)
		if errors.Is(err, schema.ErrTransient) || errors.Is(err, schema.ErrUnavailable) {
			return err
		}
		if err != nil {
			return c.refuse(p, err, true)
		}
	}
	return nil
}

// settle gives the statements that settle the leases of the group. They set held, for each append with a
// lease in order, to whether the lease was held.
func (c *commit) settle() (questions []schema.Question, held []bool, err error) {
	requests := make([]work.SettleRequest, 0, len(c.group))
	for _, p := range c.group {
		if p.leased() {
			requests = append(requests, work.SettleRequest{Lease: p.Lease, Settle: p.Settle, Reason: p.Reason})
		}
		c.size += len(p.recorded)
	}
	held = make([]bool, len(requests))
	if len(requests) > 0 {
		questions, err = c.conf.Leases.Settle(c.dialect, requests, held)
	}
	c.events = make([]*domain.Recorded, 0, c.size)
	c.passes = make([]work.Pass, 0, len(requests))
	return questions, held, err
}

// prepare finds out what memory has, and whether all of it is believed.
func (c *commit) prepare() {
	c.memory.look(func() {
		c.unknown = c.unknownEnds() // first, so that what is remembered lies before the mark
		c.head.mark = c.memory.marks.of(c.head.partition)
	})
	if c.trust == inAll && c.size > 0 && len(c.unknown) == 0 && c.head.mark.position > 0 {
		c.head.believed, c.head.at = true, c.head.mark.position
	}
}

// lockAndRead settles leases, locks the partition, and then reads what memory does not have: the ends of
// streams and reservations, which cannot change any more until the commit.
func (c *commit) lockAndRead(ctx context.Context, questions []schema.Question) error {
	if c.size > 0 { // otherwise there are leases to settle, and nothing to append
		var keys []any
		for _, p := range c.group {
			for i := range p.keys {
				keys = append(keys, p.keys[i].hash[:])
			}
		}
		questions = append(questions, c.head.take(c.size)...)
		questions = append(questions, c.ends.read(c.dialect, c.unknown)...)
		questions = append(questions, c.keys.read(c.dialect, keys)...)
	}
	if err := c.tx.Ask(ctx, questions...); err != nil {
		return fmt.Errorf("settle leases, lock partition %d and read the ends of streams: %w", c.head.partition, err)
	}
	if c.head.otherHistory() {
		return errOtherHistory
	}
	return nil
}

// unknownEnds are the streams whose ends have to be read. The store trusts the end that it remembers
// if the append expects the same version. If another node has appended since, the insert fails on the
// key of the version, and the group is done again with the ends read. A remembered end is never the
// reason for a conflict.
func (c *commit) unknownEnds() (ids []any) {
	for _, p := range c.group {
		if _, asked := c.ends[p.OrderID]; asked || len(p.recorded) == 0 {
			continue
		}
		last, known := c.memory.recent.last(p.OrderID)
		switch {
		case c.trust >= inEnds && !known && p.Expected == 0:
			c.ends[p.OrderID] = streamEnd{remembered: true}
		case c.trust >= inEnds && known && p.Expected == last.Version:
			c.ends[p.OrderID] = streamEnd{version: last.Version, at: schema.Time{Time: last.RecordedAt}, hash: last.Hash, remembered: true}
		default:
			c.ends[p.OrderID] = streamEnd{}
			ids = append(ids, p.OrderID[:])
		}
	}
	return ids
}

// fence refuses the appends whose leases are lost. held has the answers for the appends to which asked
// says yes, in order. done says that parts of these appends have been done already (see refuse).
func (c *commit) fence(all []*pending, asked func(*pending) bool, held []bool, done bool) (err error) {
	for _, p := range all {
		if !asked(p) {
			continue
		}
		ok := held[0]
		if held = held[1:]; ok {
			continue
		}
		if again := c.refuse(p, domain.ErrFenced, done || p.also != nil); again != nil {
			err = again
		}
	}
	return err
}

// assignAll works through the appends one after the other, and refuses those that cannot be done.
func (c *commit) assignAll() (err error) {
	for _, p := range c.group {
		if p.err != nil {
			continue
		}
		switch verdict := c.assign(p); {
		case errors.Is(verdict, errRemembered):
			return verdict
		case verdict == nil:
			c.done = append(c.done, p)
		default:
			if again := c.refuse(p, verdict, p.leased() || p.also != nil); again != nil {
				err = again
			}
		}
	}
	return err
}

// assign gives the append's events their versions, positions, times and hashes, or
// says why it cannot be done.
func (c *commit) assign(p *pending) error {
	if len(p.recorded) == 0 {
		return nil
	}
	end := c.ends[p.OrderID]
	if end.version != p.Expected && end.remembered {
		return errRemembered
	}
	if end.version != p.Expected {
		return fmt.Errorf("%w: the stream is at version %d", domain.ErrConflict, end.version)
	}
	if err := c.keys.free(p.keys); err != nil {
		return err
	}
	for _, r := range p.keys {
		r.at = c.now()
		c.keys[r.hash] = r
		c.reserved = append(c.reserved, r)
	}
	now := c.now()
	if now.Before(end.at.Time) {
		now = end.at.Time
	}
	for i := range p.recorded {
		r := &p.recorded[i]
		r.Partition, r.Position = c.head.partition, c.head.at+int64(len(c.events))+1
		r.Version, r.RecordedAt = end.version+1, now
		r.Hash = hashAt(end.hash, r, c.clock.hashed(now))
		end = streamEnd{version: r.Version, at: schema.Time{Time: now}, hash: r.Hash}
		c.events = append(c.events, r)
	}
	c.ends[p.OrderID] = end
	c.address(p)
	return nil
}

// address gives the append's messages the positions of their events.
func (c *commit) address(p *pending) {
	for _, m := range p.Messages {
		r := &p.recorded[m.Event]
		m := work.OutboxMessage{Message: m, Partition: r.Partition, Position: r.Position, At: r.RecordedAt}
		switch p.Settle {
		case work.SettlePass:
			c.passes = append(c.passes, work.Pass{Lease: p.Lease, Message: m})
		case work.SettleStart:
			c.starts = append(c.starts, work.Pass{Lease: p.Lease, Message: m})
		default:
			c.messages = append(c.messages, m)
		}
	}
}

// write stores what was assigned, after other questions. If the head is believed, they settle leases, and
// settled has their answers.
func (c *commit) write(ctx context.Context, questions []schema.Question, settled []bool) error {
	questions, passed, err := c.writing(questions)
	if err != nil {
		return err
	}
	if err := c.tx.Ask(ctx, questions...); err != nil {
		return fmt.Errorf("insert events and messages: %w", err)
	}
	if err := c.answered(settled, passed); err != nil {
		return err
	}
	crashpoint.Here("append.commit")
	return nil
}

// writing adds to questions those that store what was assigned. They set passed, for each append that passes its
// lease on, to whether the lease was held.
func (c *commit) writing(questions []schema.Question) (_ []schema.Question, passed []bool, err error) {
	passed = make([]bool, len(c.passes))
	events, args := insertEvents(c.events, c.clock.stored, *c.args)
	*c.args = args
	questions = append(append(questions, insertReservations(c.reserved, c.clock.stored)...), events...)
	for _, part := range []struct {
		what string
		n    int
		make func() ([]schema.Question, error)
	}{
		{"write messages to the outbox", len(c.messages), func() ([]schema.Question, error) { return c.conf.Outbox.Insert(c.dialect, c.messages) }},
		{"pass leases on", len(c.passes), func() ([]schema.Question, error) { return c.conf.Leases.Pass(c.dialect, c.passes, passed) }},
		{"start leases", len(c.starts), func() ([]schema.Question, error) { return c.conf.Leases.Start(c.dialect, c.starts) }},
	} {
		if part.n == 0 {
			continue
		}
		more, err := part.make()
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", part.what, err)
		}
		questions = append(questions, more...)
	}
	return questions, passed, nil
}

// answered looks at the answers: whether the head was where it was believed to be, if it was, and all leases were held.
func (c *commit) answered(settled, passed []bool) error {
	if c.head.believed {
		if !c.head.moved {
			return errRemembered
		}
		crashpoint.Here("append.settled")
		if err := c.fence(c.group, (*pending).leased, settled, true); err != nil {
			return err
		}
	}
	return c.fence(c.done, (*pending).passes, passed, true)
}
