package eventstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
)

// commit is one transaction of one group of appends to one partition.
type commit struct {
	store     *Store
	tx        *schema.Tx
	partition int
	group     []*pending
	careful   bool   // the ends of streams are read, not taken from memory
	locked    bool   // positions were taken
	head      int64  // before the group
	taken     int64  // positions, of which not all may be used
	mark      mark   // what is remembered of the partition lies before it
	marked    []byte // the hash that is stored at the mark
	tails     map[domain.OrderID]tail
	keys      map[[sha256.Size]byte]reservation
	done      []*pending // those that will be committed
	events    []*domain.Recorded
	messages  []work.OutboxMessage
	passes    []work.Pass
	starts    []work.Pass
	reserved  []reservation
	began     time.Time // what the clock said when the first append was placed
	stored    timeText
	hashed    timeText
}

// now is the time of all that the group appends.
func (c *commit) now() time.Time {
	if c.began.IsZero() {
		c.began = truncate(c.store.opts.Clock())
	}
	return c.began
}

// timeText is a time as text, kept while the same one is asked for: the events of a
// group nearly always have one time.
type timeText struct {
	format func(time.Time) string
	at     time.Time
	text   string
}

func (t *timeText) of(at time.Time) string {
	if t.text == "" || !at.Equal(t.at) {
		t.at, t.text = at, t.format(at)
	}
	return t.text
}

// tail is the last event of a stream; the zero value is an empty stream.
type tail struct {
	version    int
	at         schema.Time
	hash       []byte
	remembered bool // and not read
}

// run is one try of the group. It locks in the order that doc.go names: leases, head,
// reservations. What earlier tries found is forgotten.
func (c *commit) run(ctx context.Context, group []*pending) error {
	c.group = group
	for _, p := range group {
		p.err = nil
	}
	crashpoint.Here("append.begin")
	if err := c.doAlso(ctx); err != nil {
		return err
	}
	left, err := c.lockAndRead(ctx)
	if err != nil {
		return err
	}
	crashpoint.Here("append.settled")
	if err := c.placeAll(left); err != nil {
		return err
	}
	if err := c.write(ctx); err != nil {
		return err
	}
	crashpoint.Here("append.commit")
	return nil
}

// doAlso does what appends have to do beside appending.
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

// lockAndRead settles the leases of the group, takes the partition's lock, and reads
// what the group's decisions depend on: what it reads after the lock was taken stays as
// it is until the commit. It leaves out appends whose lease is lost.
func (c *commit) lockAndRead(ctx context.Context) ([]*pending, error) {
	questions, held, err := c.settle(c.group)
	if err != nil {
		return nil, fmt.Errorf("settle leases: %w", err)
	}
	n := 0
	for _, p := range c.group {
		n += len(p.recorded)
	}
	c.events = make([]*domain.Recorded, 0, n)
	if n > 0 { // otherwise there are leases to settle, and nothing to append
		tails := c.readTails(c.group) // first, so that what it remembers lies before the mark
		questions = append(questions, c.lockHead(n)...)
		questions = append(questions, tails...)
		questions = append(questions, c.readReservations(c.group)...)
	}
	if err := c.tx.Ask(ctx, questions...); err != nil {
		return nil, fmt.Errorf("settle leases, lock partition %d and read the ends of streams: %w", c.partition, err)
	}
	c.locked, c.taken, c.head = n > 0, int64(n), c.head-int64(n)
	if c.otherHistory() {
		return nil, errOtherHistory
	}
	return c.alive(held)
}

// settle gives the statements for the leases of a group, and where their answers will be.
func (c *commit) settle(group []*pending) (questions []schema.Question, held []bool, err error) {
	var requests []work.SettleRequest
	for _, p := range group {
		if !p.Lease.IsZero() {
			requests = append(requests, work.SettleRequest{Lease: p.Lease, Settle: p.Settle, Reason: p.Reason})
		}
	}
	if len(requests) == 0 {
		return nil, nil, nil
	}
	held = make([]bool, len(requests))
	questions, err = c.store.opts.Leases.Settle(c.tx.Dialect(), requests, held)
	return questions, held, err
}

// alive leaves out the appends whose lease is not held: Settle has done nothing for them.
func (c *commit) alive(held []bool) (alive []*pending, err error) {
	for _, p := range c.group {
		ok := true
		if !p.Lease.IsZero() {
			ok, held = held[0], held[1:]
		}
		if ok {
			alive = append(alive, p)
			continue
		}
		if again := c.refuse(p, domain.ErrFenced, p.also != nil); again != nil {
			err = again
		}
	}
	return alive, err
}

// placeAll places the appends one after the other, and refuses those that cannot be done.
func (c *commit) placeAll(group []*pending) (err error) {
	for _, p := range group {
		verdict := c.place(p)
		if errors.Is(verdict, errRemembered) {
			return verdict
		}
		if verdict == nil {
			continue
		}
		if again := c.refuse(p, verdict, !p.Lease.IsZero() || p.also != nil); again != nil {
			err = again
		}
	}
	return err
}

// place gives the append's events their versions, positions, times and hashes, or
// says why it cannot be done.
func (c *commit) place(p *pending) error {
	if len(p.recorded) == 0 {
		c.done = append(c.done, p)
		return nil
	}
	t := c.tails[p.OrderID]
	if t.version != p.Expected && t.remembered {
		return errRemembered
	}
	if t.version != p.Expected {
		return fmt.Errorf("%w: the stream is at version %d", domain.ErrConflict, t.version)
	}
	if err := c.reserve(p); err != nil {
		return err
	}
	now := c.now()
	if now.Before(t.at.Time) {
		now = t.at.Time
	}
	for i := range p.recorded {
		r := &p.recorded[i]
		r.Partition, r.Position = c.partition, c.head+int64(len(c.events))+1
		r.Version, r.RecordedAt = t.version+1, now
		r.Hash = hashAt(t.hash, r, c.hashed.of(now))
		t = tail{version: r.Version, at: schema.Time{Time: now}, hash: r.Hash}
		c.events = append(c.events, r)
	}
	c.tails[p.OrderID] = t
	for _, m := range p.Messages {
		r := &p.recorded[m.Event]
		placed := work.OutboxMessage{Message: m, Partition: r.Partition, Position: r.Position, At: now}
		switch p.Settle {
		case work.SettlePass:
			c.passes = append(c.passes, work.Pass{Lease: p.Lease, Message: placed})
		case work.SettleStart:
			c.starts = append(c.starts, work.Pass{Lease: p.Lease, Message: placed})
		default:
			c.messages = append(c.messages, placed)
		}
	}
	c.done = append(c.done, p)
	return nil
}

// write stores what place prepared.
func (c *commit) write(ctx context.Context) error {
	var questions []schema.Question
	if c.locked && c.taken > int64(len(c.events)) {
		questions = append(questions, schema.Question{
			Query: `UPDATE heads SET head = ?1 WHERE partition = ?2`, Args: []any{c.head + int64(len(c.events)), c.partition},
		})
	}
	questions = append(questions, c.insertEvents()...)
	questions = append(questions, c.insertReservations()...)
	if len(c.messages) > 0 {
		messages, err := c.store.opts.Outbox.Insert(c.tx.Dialect(), c.messages)
		if err != nil {
			return fmt.Errorf("write messages to the outbox: %w", err)
		}
		questions = append(questions, messages...)
	}
	held := make([]bool, len(c.passes))
	if len(c.passes) > 0 {
		passes, err := c.store.opts.Leases.Pass(c.tx.Dialect(), c.passes, held)
		if err != nil {
			return fmt.Errorf("pass leases on: %w", err)
		}
		questions = append(questions, passes...)
	}
	if len(c.starts) > 0 {
		starts, err := c.store.opts.Leases.Start(c.tx.Dialect(), c.starts)
		if err != nil {
			return fmt.Errorf("start leases: %w", err)
		}
		questions = append(questions, starts...)
	}
	if err := c.tx.Ask(ctx, questions...); err != nil {
		return fmt.Errorf("insert events and messages: %w", err)
	}
	return c.passed(held)
}

// passed refuses the appends whose leases were found lost as they were passed on. Each of
// done that passes its lease on has its answer in held.
func (c *commit) passed(held []bool) (err error) {
	for _, p := range c.done {
		if p.Settle != work.SettlePass {
			continue
		}
		ok := held[0]
		if held = held[1:]; ok {
			continue
		}
		if again := c.refuse(p, domain.ErrFenced, true); again != nil {
			err = again
		}
	}
	return err
}

// lane is the lane of the group's partition.
func (c *commit) lane() *lane { return &c.store.lanes[c.partition] }

// publish tells those who wait that the group has been committed.
func (c *commit) publish() {
	if len(c.events) == 0 {
		return
	}
	var topics []string
	seen := map[string]bool{}
	for _, m := range c.messages {
		if !seen[m.Topic] {
			seen[m.Topic] = true
			topics = append(topics, m.Topic)
		}
	}
	if len(topics) > 0 {
		c.store.opts.Outbox.Committed(topics)
	}
	c.store.marks.reach(c.events[len(c.events)-1])
	for _, p := range c.done {
		c.store.remember(p.recorded)
	}
	lanes := len(c.store.lanes)
	c.lane().tail.add(c.events, tailEvents/lanes, c.store.opts.Memory/4/lanes)
	c.store.committed(c.partition, c.head+int64(len(c.events)))
}
