package eventstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
)

// submit queues p and returns when its outcome is certain.
func (s *Store) submit(ctx context.Context, l *lane, p *pending) {
	if l.enter(p) {
		go s.work(l)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		if l.withdraw(p) {
			p.err = fmt.Errorf("%w: %w", domain.ErrUnavailable, errors.Join(s.db.Blocked(), context.Cause(ctx)))
			return
		}
		<-p.done
	}
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
		l.end(p, one)
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
	begin := func() error {
		return s.db.InTxLast(ctx, func(tx *schema.Tx) error {
			group := members()
			size = max(size, len(group))
			c = &commit{
				conf: &s.conf, memory: s.memory, tx: tx, args: &l.args, trust: believed,
				group: group, head: head{partition: partition}, ends: streamEnds{}, keys: holders{},
			}
			err := c.run(ctx)
			l.found(c.head)
			return err
		})
	}
	var err error
	for tries := 0; tries <= size+lostTries; tries++ {
		if errors.Is(err, errNotCommitted) || errors.Is(err, schema.ErrBroken) {
			s.db.Retried()
		}
		if err = begin(); errors.Is(err, schema.ErrCommit) {
			err = s.resolve(ctx, c.events, err)
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

// lostTries bounds how often a group is done again for reasons outside the group.
const lostTries = 3

// again says that the transaction had no effect, and that a repetition can succeed:
//
//   - errAgain: an append was refused after its lease was settled; the others go on without it.
//   - errRemembered, errOtherHistory: the store's memory is out of date.
//   - ErrDuplicateKey: a key or a version was taken before; the next try reads by whom.
//   - errNotCommitted, ErrBroken: the COMMIT did not arrive, or the connection broke before it.
func again(err error) bool {
	return errors.Is(err, errAgain) || errors.Is(err, errRemembered) || errors.Is(err, errOtherHistory) ||
		errors.Is(err, schema.ErrDuplicateKey) ||
		errors.Is(err, errNotCommitted) || errors.Is(err, schema.ErrBroken) && !errors.Is(err, schema.ErrCommit)
}

// errNotCommitted says that a commit whose answer was lost did not take place.
var errNotCommitted = errors.New("the transaction was not committed")

// errLooked ends the transaction of a look. It is rolled back, since a full disk may be why the answer was lost.
var errLooked = errors.New("the log has been looked at")

// resolve finds out whether a commit took place whose answer was lost. It looks for the hash of
// the group's last event, which covers position and time and so belongs to this commit alone. The
// result is nil if the commit took place, errNotCommitted if it did not, and lost if the database
// stays out of reach until ctx ends.
func (s *Store) resolve(ctx context.Context, events []*domain.Recorded, lost error) error {
	if len(events) == 0 || errors.Is(lost, schema.ErrReplaced) { // the file that could tell is gone
		return lost
	}
	last := events[len(events)-1]
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		var took bool
		err := s.db.InTx(ctx, func(tx *schema.Tx) (err error) {
			if took, err = inLog(ctx, tx, last); err == nil {
				err = errLooked
			}
			return err
		})
		switch {
		case errors.Is(err, errLooked) && took:
			return nil
		case errors.Is(err, errLooked):
			return fmt.Errorf("%w: %w", errNotCommitted, lost)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w (whether it took place is not known: %w)", lost, errors.Join(err, ctx.Err()))
		case <-timer.C:
		}
	}
}

// inLog says whether an event is in the log at its position. It locks the head before it looks, so it
// waits for the end of a transaction that may be appending the event, and none commits the event between
// the look and the end of tx. The head is moved and moved back, since an engine may take no lock for an
// update that changes nothing.
func inLog(ctx context.Context, tx *schema.Tx, r *domain.Recorded) (found bool, err error) {
	const move = `UPDATE heads SET head = head + ?1 WHERE partition = ?2`
	err = tx.Ask(ctx,
		schema.Question{Query: move, Args: []any{1, r.Partition}},
		schema.Question{Query: `SELECT hash FROM events WHERE partition = ?1 AND position = ?2`, Args: []any{r.Partition, r.Position}, Read: func(rows *sql.Rows) error {
			var hash []byte
			if !rows.Next() {
				return nil
			}
			err := rows.Scan(&hash)
			found = bytes.Equal(hash, r.Hash)
			return err
		}},
		schema.Question{Query: move, Args: []any{-1, r.Partition}},
	)
	return found, err
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
