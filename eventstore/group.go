package eventstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"orderflow/crashpoint"
	"orderflow/domain"
	"orderflow/schema"
)

// pending is an append on its way. Its results are set before done is closed.
type pending struct {
	domain.Append
	partition int
	encoded   []domain.Recorded // without place, time and hash
	also      func(context.Context, *schema.Tx) error

	done     chan struct{}
	recorded []domain.Recorded
	err      error
}

// lane is the queue of one partition: at most one of its groups is being committed.
type lane struct {
	mu    sync.Mutex
	queue []*pending
	busy  bool
	tail  logTail
}

// submit queues p and returns when its outcome is certain.
func (s *Store) submit(ctx context.Context, l *lane, p *pending) {
	l.mu.Lock()
	l.queue = append(l.queue, p)
	if !l.busy {
		l.busy = true
		go s.work(l)
	}
	l.mu.Unlock()
	select {
	case <-p.done:
	case <-ctx.Done():
		if l.withdraw(p) {
			p.err = fmt.Errorf("%w: %w", domain.ErrUnavailable, context.Cause(ctx))
			return
		}
		<-p.done
	}
}

// withdraw takes p out of the queue, if no group has taken it yet.
func (l *lane) withdraw(p *pending) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, q := range l.queue {
		if q == p {
			l.queue = append(l.queue[:i:i], l.queue[i+1:]...)
			return true
		}
	}
	return false
}

// work commits groups until the queue is empty.
func (s *Store) work(l *lane) {
	for {
		group := l.take(s.opts.GroupSize)
		if len(group) == 0 {
			return
		}
		s.commitGroup(group)
	}
}

func (l *lane) take(most int) []*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(most, len(l.queue))
	group := append([]*pending(nil), l.queue[:n]...)
	l.queue = append([]*pending(nil), l.queue[n:]...)
	l.busy = n > 0
	return group
}

// commitGroup commits a group in one transaction. If the database refuses it for
// something that one of its appends holds, each is tried alone, so that one bad append
// does not take the others with it.
func (s *Store) commitGroup(group []*pending) {
	err := s.commit(group)
	alone := err != nil && len(group) > 1 && !errors.Is(err, domain.ErrUnavailable)
	for _, p := range group {
		if alone {
			p.err = nil
			err = s.commit([]*pending{p})
		}
		if err != nil {
			p.err = err
		}
		close(p.done)
	}
}

// commit runs the group's transaction. An append that cannot be done has its err set
// and is left out; the error returned is the whole group's.
func (s *Store) commit(group []*pending) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.Timeout)
	defer cancel()
	var c *commit
	careful := false
	begin := func() error {
		return s.db.InTx(ctx, func(tx *schema.Tx) error {
			c = &commit{
				store: s, tx: tx, partition: group[0].partition, careful: careful,
				stored: timeText{format: schema.TimeArg}, hashed: timeText{format: hashedTime},
			}
			return c.run(ctx, group)
		})
	}
	var err error
	for tries := 0; tries <= len(group)+lostTries; tries++ {
		if tries > 0 && !errors.Is(err, errAgain) {
			s.db.Retried()
		}
		if err = begin(); errors.Is(err, schema.ErrCommit) {
			err = s.resolve(ctx, c, err)
		}
		if !again(err) || ctx.Err() != nil {
			break
		}
		careful = careful || !errors.Is(err, errAgain)
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: no answer within %s: %w", domain.ErrUnavailable, s.opts.Timeout, err)
	}
	if err != nil {
		return classify(err)
	}
	crashpoint.Here("append.committed")
	c.publish()
	return nil
}

// Queued is how many appends wait for a partition's next group.
func (s *Store) Queued(partition int) int {
	l := &s.lanes[partition]
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// lostTries bounds how often a group is done again for reasons that lie outside of it.
const lostTries = 3

// again says that the group's transaction had no effect and may have one if repeated:
// an append that failed after its lease was settled must not keep the settlement, so
// the rest is done without it; one that lost a race for a key to another node is seen
// as a duplicate the second time; a connection broke before the commit; a commit did
// not arrive.
func again(err error) bool {
	return errors.Is(err, errAgain) || errors.Is(err, schema.ErrDuplicateKey) || errors.Is(err, errNotCommitted) ||
		errors.Is(err, schema.ErrBroken) && !errors.Is(err, schema.ErrCommit)
}
