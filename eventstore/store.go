package eventstore

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// Outbox writes messages in the transaction of the events that cause them.
type Outbox interface {
	// Insert gives the statements that write messages.
	Insert(d schema.Dialect, messages []work.OutboxMessage) ([]schema.Question, error)
	// Committed is called with the topics of the messages once they are visible.
	Committed(topics []string)
}

// Leases settles leases in the transaction that appends what was done under them. Each of its questions that finds
// out whether a lease is held has schema.Question.Want: the server must not commit what was done under one that is not.
type Leases interface {
	// Settle gives the statements that settle leases. They set held, for each request in order, to
	// whether the lease was still held. A lease that is held is settled, and its row stays locked to
	// the end of the transaction. For a lease to be passed on, held may be true without a check: then
	// Pass finds out.
	Settle(d schema.Dialect, requests []work.SettleRequest, held []bool) ([]schema.Question, error)
	// Pass gives the statements that turn leases into those of other messages, after Settle with
	// work.SettlePass in the same transaction. They set held, for each pass in order, to whether the
	// lease was still held.
	Pass(d schema.Dialect, passes []work.Pass, held []bool) ([]schema.Question, error)
	// Start gives the statements that make rows in flight for messages, after Settle with
	// work.SettleStart in the same transaction has found their nodes registered.
	Start(d schema.Dialect, starts []work.Pass) ([]schema.Question, error)
}

// Config is what a store works with.
type Config struct {
	Outbox Outbox           // required for appends with messages
	Leases Leases           // required for appends under a lease
	Clock  func() time.Time // time.Now by default
	// GroupSize bounds the appends that share a transaction; 256 by default.
	GroupSize int
	// GroupBytes bounds the stored bytes of their events, so that nobody waits long behind a
	// group, a heartbeat least of all; 1 MiB by default. One append that has more goes alone.
	GroupBytes int
	// Timeout bounds the transaction of one group, waiting for locks included; 20 s by
	// default.
	Timeout time.Duration
	// Memory bounds the bytes of events that are remembered: a quarter of it for the end of the log,
	// the rest for streams under way. 64 MB by default.
	Memory int
}

// Store is an event store. It is safe for concurrent use.
type Store struct {
	reader
	conf   Config
	lanes  []lane // by partition
	memory *memory
	level  atomic.Int64 // see Level

	onCommit listeners[newHead]
	onOther  listeners[OtherHistory]
}

// OtherHistory says that the log in the database is not the one that a store remembers: an event
// that the store appended or read is not there any more, as after a restore of a backup.
type OtherHistory struct {
	Partition int
	Position  int64 // of the last event that was remembered
}

type newHead struct {
	partition int
	position  int64
}

// listeners are functions that are told of something.
type listeners[T any] struct {
	mu  sync.Mutex
	all []func(T)
}

func (l *listeners[T]) add(f func(T)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, f)
}

func (l *listeners[T]) tell(what T) {
	l.mu.Lock()
	all := l.all
	l.mu.Unlock()
	for _, f := range all {
		f(what)
	}
}

// Open gives the event store of a migrated database.
func Open(ctx context.Context, db *schema.DB, conf Config) (*Store, error) {
	if conf.Clock == nil {
		conf.Clock = time.Now
	}
	conf.GroupSize = cmp.Or(max(conf.GroupSize, 0), 256)
	conf.GroupBytes = cmp.Or(max(conf.GroupBytes, 0), 1<<20)
	conf.Timeout = cmp.Or(max(conf.Timeout, 0), 20*time.Second)
	conf.Memory = cmp.Or(max(conf.Memory, 0), 64<<20)
	s := &Store{reader: reader{db: db}, conf: conf}
	row := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM heads WHERE partition >= 0`)
	if err := row.Scan(&s.partitions); err != nil {
		return nil, fmt.Errorf("open the event store (has the database been migrated?): %w", classify(db.Translate(err)))
	}
	if s.partitions == 0 {
		return nil, fmt.Errorf("%w: the event store has no partitions", domain.ErrCorrupt)
	}
	s.lanes, s.memory = make([]lane, s.partitions), newMemory(conf.Memory, s.partitions)
	allowed, err := db.Compatibility(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the event store: %w", classify(err))
	}
	s.Allow(allowed.EventLevel)
	return s, nil
}

// Level is the level of the events that the store writes (see domain.EventLevel). It is the highest
// that was allowed, beginning with what the database allowed when the store was opened.
func (s *Store) Level() int { return int(s.level.Load()) }

// Allow raises the level of the events that the store writes. The database must have allowed the
// level, which it does for ever.
func (s *Store) Allow(level int) {
	for {
		now := s.level.Load()
		if int64(level) <= now || s.level.CompareAndSwap(now, int64(level)) {
			return
		}
	}
}

// Partitions is the number of partitions of the log, fixed when it was created.
func (s *Store) Partitions() int { return s.partitions }

// Partition is the partition that holds an order's stream.
func (s *Store) Partition(id domain.OrderID) int {
	h := fnv.New32a()
	_, _ = h.Write(id[:])                        // never fails
	return int(h.Sum32() % uint32(s.partitions)) //nolint:gosec // partitions are few
}

// OnCommit registers f. The store calls it after each of its commits, with the partition and the new
// head, so that readers of the log wake up. f must not block.
func (s *Store) OnCommit(f func(partition int, head int64)) {
	s.onCommit.add(func(h newHead) { f(h.partition, h.position) })
}

// Queued is how many appends wait for a partition's next group.
func (s *Store) Queued(partition int) int { return s.lanes[partition].length() }
