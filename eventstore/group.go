package eventstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
)

// pending is an append on its way. Its results are set before done is closed.
type pending struct {
	work.Unit
	partition int
	recorded  []domain.Recorded // place, time and hash are those of the latest try
	bytes     int               // of what is stored of its events
	keys      []reservation     // without time
	also      func(context.Context, *schema.Tx) error

	done  chan struct{}
	begun bool  // a transaction has taken it up; under the lane's lock
	gone  bool  // withdrawn before that, though a group has it; under the lane's lock
	apart bool  // the group is done without it, and it alone afterwards
	err   error // the verdict of the latest try
}

// lane is the queue of one partition: at most one of its groups is being committed.
type lane struct {
	mu    sync.Mutex
	queue []*pending
	busy  bool
	tail  logTail
	args  []any // used again by each group
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
			p.err = fmt.Errorf("%w: %w", domain.ErrUnavailable, errors.Join(s.db.Blocked(), context.Cause(ctx)))
			return
		}
		<-p.done
	}
}

// withdraw takes p back, if no transaction has taken it up yet. A group that waits for its
// transaction to begin is told to leave p out.
func (l *lane) withdraw(p *pending) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, q := range l.queue {
		if q == p {
			l.queue = append(l.queue[:i:i], l.queue[i+1:]...)
			return true
		}
	}
	p.gone = !p.begun
	return p.gone
}

// begin gives the appends of a group that its transaction, which has begun, takes up: not those
// that were withdrawn meanwhile, and not those that are done apart.
func (l *lane) begin(group []*pending, apart bool) []*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := func(p *pending) bool { return p.gone || p.apart != apart }
	if slices.ContainsFunc(group, left) {
		group = slices.DeleteFunc(slices.Clone(group), left)
	}
	for _, p := range group {
		p.begun = true
	}
	return group
}

// end tells the one who waits for p of the error, if there is one and he still waits.
func (l *lane) end(p *pending, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && !p.gone {
		p.err = err
	}
	close(p.done)
}

// work commits groups until the queue is empty.
func (s *Store) work(l *lane) {
	for l.wanted() {
		s.commitGroup(l)
	}
}

// wanted says whether appends wait; if none does, the lane rests.
func (l *lane) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = len(l.queue) > 0
	return l.busy
}

// fill gives the group with those that wait, up to most of them in all, and up to mostBytes
// of events; one that has more goes alone.
func (l *lane) fill(group []*pending, most, mostBytes int) []*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range group {
		mostBytes -= p.bytes
	}
	n := 0
	for n < len(l.queue) && len(group)+n < most {
		if mostBytes -= l.queue[n].bytes; mostBytes < 0 && len(group)+n > 0 {
			break
		}
		n++
	}
	if n == 0 {
		return group
	}
	group = append(group, l.queue[:n]...)
	l.queue = append([]*pending(nil), l.queue[n:]...)
	return group
}

// commitGroup commits a group in one transaction. What arrives until that has begun belongs
// to the group. If the database refuses it for something that one of its appends holds, each
// is tried alone, so that one bad append does not take the others with it.
func (s *Store) commitGroup(l *lane) {
	group := l.fill(nil, s.opts.GroupSize, s.opts.GroupBytes)
	if len(group) == 0 { // all were withdrawn
		return
	}
	defer func() { clear(l.args) }()
	partition := group[0].partition
	err := s.commit(partition, func() []*pending {
		group = l.fill(group, s.opts.GroupSize, s.opts.GroupBytes)
		return l.begin(group, false)
	})
	alone := err != nil && len(group) > 1
	available := !errors.Is(err, domain.ErrUnavailable)
	for _, p := range group {
		one := err
		if available && (alone || p.apart) {
			one = s.commit(partition, func() []*pending { return l.begin([]*pending{p}, p.apart) })
		}
		l.end(p, one)
	}
}

// commit runs the transaction of a group, which is asked for each time one has begun and
// keeps those it had, but for those that are to be done apart. An append that cannot be done has
// its err set and is left out; the error returned is the whole group's.
func (s *Store) commit(partition int, members func() []*pending) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.Timeout)
	defer cancel()
	var c *commit
	size, careful := 0, false
	begin := func() error {
		return s.db.InTxLast(ctx, func(tx *schema.Tx) error {
			group := members()
			size = max(size, len(group))
			c = &commit{
				store: s, tx: tx, partition: partition, careful: careful,
				stored: timeText{format: schema.TimeArg}, hashed: timeText{format: hashedTime},
			}
			return c.run(ctx, group)
		})
	}
	var err error
	for tries := 0; tries <= size+lostTries; tries++ {
		if tries > 0 && !errors.Is(err, errAgain) {
			s.db.Retried()
		}
		if err = begin(); errors.Is(err, schema.ErrCommit) {
			err = s.resolve(ctx, c, err)
		}
		if !again(err) || ctx.Err() != nil {
			break
		}
		if errors.Is(err, errOtherHistory) {
			s.forget(c.partition, c.mark)
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
// the rest is done without it; the end of a stream has to be read; what is remembered is
// not what is stored; an append that lost a race
// for a key to another node is seen as a duplicate the second time; a connection broke before
// the commit; a commit did not arrive.
func again(err error) bool {
	return errors.Is(err, errAgain) || errors.Is(err, errRemembered) || errors.Is(err, errOtherHistory) ||
		errors.Is(err, schema.ErrDuplicateKey) ||
		errors.Is(err, errNotCommitted) || errors.Is(err, schema.ErrBroken) && !errors.Is(err, schema.ErrCommit)
}
