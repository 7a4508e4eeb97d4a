package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
)

// RunDatabase runs the cases of a store in a database, among them those that every store passes. open gives a
// new, migrated database without events, which goes with the test.
func RunDatabase(t *testing.T, open func(t testing.TB) *schema.DB) {
	Run(t, func(t testing.TB) Store { return newFixture(t, open(t)) })
	t.Run("Append", func(t *testing.T) { testAppend(t, open) })
	t.Run("Memory", func(t *testing.T) { testMemory(t, open) })
	t.Run("Cost", func(t *testing.T) { testCost(t, open) })
	t.Run("Follower", func(t *testing.T) { testFollower(t, open) })
	t.Run("Conflict", func(t *testing.T) { testConflict(t, open) })
	t.Run("Atomicity", func(t *testing.T) { testAtomicity(t, open) })
	t.Run("Group", func(t *testing.T) { testGroup(t, open) })
	t.Run("Leases", func(t *testing.T) { testLeases(t, open) })
	t.Run("History", func(t *testing.T) { testHistory(t, open) })
	t.Run("Verdicts", func(t *testing.T) { testVerdicts(t, open) })
	t.Run("Also", func(t *testing.T) { testAlso(t, open) })
	t.Run("Reservations", func(t *testing.T) { testReservations(t, open) })
	t.Run("BareReservation", func(t *testing.T) { testBareReservation(t, open) })
	t.Run("Interleaved", func(t *testing.T) { testInterleaved(t, open) })
	t.Run("Reader", func(t *testing.T) { testReader(t, open) })
	t.Run("EachEvent", func(t *testing.T) { testEachEvent(t, open) })
	t.Run("StreamsOf", func(t *testing.T) { testStreamsOf(t, open) })
	t.Run("Large", func(t *testing.T) { testLarge(t, open) })
	t.Run("Content", func(t *testing.T) { testContent(t, open) })
	t.Run("Hash", func(t *testing.T) { testHash(t, open) })
	t.Run("AppendOnly", func(t *testing.T) { testAppendOnly(t, open) })
}

// fixture is a store with an outbox and leases that the test steers.
type fixture struct {
	*eventstore.Store
	db     *schema.DB
	outbox *outbox
	leases *leases
	now    time.Time
}

func newFixture(t testing.TB, db *schema.DB) *fixture {
	t.Helper()
	f := &fixture{db: db, outbox: &outbox{}, leases: &leases{lost: map[int64]bool{}}, now: time.Now()}
	store, err := eventstore.Open(t.Context(), db, eventstore.Config{Outbox: f.outbox, Leases: f.leases})
	if err != nil {
		t.Fatal(err)
	}
	f.Store = store
	return f
}

// outbox writes a row for each message, and can be made to fail or to wait.
type outbox struct {
	mu        sync.Mutex
	err       error
	inside    func(topic string) error
	committed []string
}

func (o *outbox) Insert(_ schema.Dialect, messages []work.OutboxMessage) (questions []schema.Question, err error) {
	for _, m := range messages {
		if o.inside != nil {
			if err := o.inside(m.Topic); err != nil {
				return nil, err
			}
		}
		questions = append(questions, schema.Question{
			Query: `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
			Args:  []any{m.Topic, m.Partition, m.Position, m.UUID, m.Payload, "{}", schema.TimeArg(m.At)},
		})
	}
	return questions, o.err
}

func (o *outbox) Committed(topics []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.committed = append(o.committed, topics...)
}

// leases says that a lease is lost if its position is in lost, and leaves a trace in
// the database that it has settled another.
type leases struct {
	mu   sync.Mutex
	lost map[int64]bool
}

func (l *leases) lose(position int64, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost[position] = lost
}

var errNoLease = errors.New("no lease")

func (l *leases) Settle(_ schema.Dialect, requests []work.SettleRequest, held []bool) (questions []schema.Question, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range requests {
		if r.Lease.IsZero() {
			return nil, errNoLease
		}
		questions = append(questions, schema.Question{
			Query: `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) SELECT 'settled', 't', ?1, 0 WHERE 0 = ?2`,
			Args:  []any{r.Lease.Position, l.count(r.Lease.Position)}, Want: 1, Changed: func(rows int64) { held[i] = rows == 1 },
		})
	}
	return questions, nil
}

// count is how many leases of a position are lost.
func (l *leases) count(position int64) int {
	if l.lost[position] {
		return 1
	}
	return 0
}

// Pass finds that a lease is lost if its position with a minus is in lost.
func (l *leases) Pass(_ schema.Dialect, passes []work.Pass, held []bool) (questions []schema.Question, _ error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range passes {
		questions = append(questions, schema.Question{
			Query: `UPDATE consumer_offsets SET topic = ?1, partition = ?2, position = ?3
				WHERE consumer_group = 'settled' AND topic = 't' AND partition = ?4 AND 0 = ?5`,
			Args: []any{p.Message.Topic, p.Message.Partition, p.Message.Position, p.Lease.Position, l.count(-p.Lease.Position)},
			Want: 1, Changed: func(rows int64) { held[i] = rows == 1 },
		})
	}
	return questions, nil
}

// Start finds leases by the trace that Settle left of them.
func (l *leases) Start(_ schema.Dialect, starts []work.Pass) (questions []schema.Question, _ error) {
	for _, p := range starts {
		questions = append(questions, schema.Question{
			Query: `UPDATE consumer_offsets SET topic = 'started', position = ?1 WHERE consumer_group = 'settled' AND topic = 't' AND partition = ?2`,
			Args:  []any{p.Message.Position, p.Lease.Position},
		})
	}
	return questions, nil
}

// order is a new order id; n tells apart those made in one test.
func order(n int) domain.OrderID {
	id := domain.OrderID{0: 1, 6: 0x70, 8: 0x80, 14: byte(n >> 8), 15: byte(n)} //nolint:gosec // tests make few
	return id
}

// orderIn is an order id of a partition.
func orderIn(s *eventstore.Store, partition, from int) domain.OrderID {
	for n := from; ; n++ {
		if id := order(n); s.Partition(id) == partition {
			return id
		}
	}
}

func placed(id domain.OrderID) work.Unit {
	return work.Unit{
		OrderID: id, Events: []domain.Event{domain.OrderPlaced{Detail: []byte(`{"n":1}`)}},
		Messages: []work.Message{{Topic: "scheduling", Event: 0, UUID: domain.EventID(id, 1), Payload: []byte("x")}},
	}
}

func started(id domain.OrderID, version, attempt int) work.Unit {
	return work.Unit{OrderID: id, Expected: version, Events: []domain.Event{domain.StepStarted{Step: domain.Scheduling, Attempt: attempt, Node: "n"}}}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("err = %v, want %v", err, kind)
	}
}

func (f *fixture) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	if err := f.db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
