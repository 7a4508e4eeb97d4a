package eventstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
)

// submit queues p and returns when its outcome is certain. What becomes of p is the lane's to write, also after it was
// withdrawn.
func (s *Store) submit(ctx context.Context, l *lane, p *pending) error {
	if l.enter(p) {
		go s.work(l)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		if l.withdraw(p) {
			return fmt.Errorf("%w: %w", domain.ErrUnavailable, errors.Join(s.db.Blocked(), context.Cause(ctx)))
		}
		<-p.done
	}
	return p.err
}

// work commits groups until the queue is empty.
func (s *Store) work(l *lane) {
	for l.wanted() {
		s.commitGroup(l)
	}
}

// commitGroup commits a group in one transaction. Appends that arrive before the transaction begins
// join the group. If the transaction fails though the database is available, each append is tried
// alone, so that a bad one does not take the others with it.
func (s *Store) commitGroup(l *lane) {
	group := l.fill(nil, s.conf.GroupSize, s.conf.GroupBytes)
	if len(group) == 0 { // all were withdrawn
		return
	}
	defer func() { clear(l.args) }()
	partition := group[0].partition
	err := s.commit(l, partition, func() []*pending {
		group = l.fill(group, s.conf.GroupSize, s.conf.GroupBytes)
		return l.begin(group, false)
	})
	alone := err != nil && len(group) > 1
	available := !errors.Is(err, domain.ErrUnavailable)
	for _, p := range group {
		one := err
		if available && (alone || p.apart) {
			one = s.commit(l, partition, func() []*pending { return l.begin([]*pending{p}, p.apart) })
		}
		l.end(p, s.truth(p, cmp.Or(one, p.err)))
	}
}

// commit runs the transaction of a group, and repeats it where that can help. members gives the
// group each time a transaction has begun. The verdict on a single append is its err; the error
// returned is the whole group's.
func (s *Store) commit(l *lane, partition int, members func() []*pending) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.conf.Timeout)
	defer cancel()
	var c *commit
	size, believed := 0, l.trust()
	fresh := func(tx *schema.Tx) *commit {
		group := members()
		size = max(size, len(group))
		c = &commit{
			conf: &s.conf, dialect: s.db.Dialect(), memory: s.memory, tx: tx, args: &l.args, trust: believed,
			group: group, head: head{partition: partition}, ends: streamEnds{}, keys: holders{},
		}
		for _, p := range group { // what earlier tries found is forgotten
			p.err = nil
		}
		return c
	}
	var err error
	for tries := 0; tries <= size+lostTries; tries++ {
		if errors.Is(err, errNotCommitted) || errors.Is(err, schema.ErrBroken) {
			s.db.Retried()
		}
		c = nil
		if err = s.begin(ctx, believed, fresh); c != nil {
			l.found(c.head)
		}
		if errors.Is(err, schema.ErrCommit) {
			err = s.resolve(ctx, c, err)
		}
		if !again(err) || ctx.Err() != nil {
			break
		}
		if errors.Is(err, errOtherHistory) {
			s.forget(partition, c.head.mark)
		}
		if !errors.Is(err, errAgain) {
			believed = inNothing
		}
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: no answer within %s: %w", domain.ErrUnavailable, s.conf.Timeout, err)
	}
	if err != nil {
		return classify(err)
	}
	crashpoint.Here("append.committed")
	l.appended = time.Now()
	s.publish(c)
	return nil
}

// begin runs one transaction of a group, whole if it may be.
func (s *Store) begin(ctx context.Context, believed trust, fresh func(tx *schema.Tx) *commit) error {
	if believed == inAll && s.db.Dialect().RoundTrips() {
		err := s.sendWhole(ctx, func() *commit { return fresh(nil) })
		if !errors.Is(err, errSteps) {
			return err
		}
	}
	return s.db.InTxLast(ctx, func(tx *schema.Tx) error { return fresh(tx).run(ctx) })
}

// lostTries bounds how often a group is done again for reasons outside the group.
const lostTries = 3

// again says that the transaction had no effect, and that a repetition can succeed:
//
//   - errAgain: an append was refused after its lease was settled; the others go on without it.
//   - errRemembered, errOtherHistory: the store's memory is out of date.
//   - ErrDuplicateKey: a key or a version was taken before; the next try reads by whom.
//   - errNotCommitted, ErrBroken: the COMMIT has not arrived, or the connection broke before it. Should a transaction
//     that was sent whole arrive later, it and the repetition exclude each other (see doubt).
func again(err error) bool {
	return errors.Is(err, errAgain) || errors.Is(err, errRemembered) || errors.Is(err, errOtherHistory) ||
		errors.Is(err, schema.ErrDuplicateKey) ||
		errors.Is(err, errNotCommitted) || errors.Is(err, schema.ErrBroken) && !errors.Is(err, schema.ErrCommit)
}

// publish wakes subscribers and readers of the log, and remembers the events of a committed group.
func (s *Store) publish(c *commit) {
	if len(c.events) == 0 {
		return
	}
	var topics []string
	for _, m := range c.messages {
		if !slices.Contains(topics, m.Topic) {
			topics = append(topics, m.Topic)
		}
	}
	if len(topics) > 0 {
		s.conf.Outbox.Committed(topics)
	}
	s.memory.append(c.head.partition, c.events)
	for _, p := range c.done {
		s.memory.remember(p.recorded)
	}
	s.onCommit.tell(newHead{c.head.partition, c.head.at + int64(len(c.events))})
}
