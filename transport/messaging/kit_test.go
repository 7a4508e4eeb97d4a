package messaging_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/sirupsen/logrus"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// tooLate is a pause that no test waits for: what happens sooner was woken up.
const tooLate = time.Minute

var serial atomic.Int64

// name makes a name that no other test uses.
func name(what string) string { return fmt.Sprintf("%s-%d", what, serial.Add(1)) }

// onEach runs subtests on a database of each dialect, which they share.
func onEach(t *testing.T, cases map[string]func(t *testing.T, db *schema.DB)) {
	t.Helper()
	schematest.OnEach(t, 4, cases)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// member is a registered node.
type member struct {
	work.Tenure
	end context.CancelFunc // ends the tenure's context, as the node's own clock does
	out atomic.Bool        // the node says it has no tenure

	rounds atomic.Int64 // of its subscriber
	mu     sync.Mutex
	calls  chan struct{} // closed and made anew at every round
}

// join registers a node for an hour.
func join(t *testing.T, db *schema.DB) *member {
	t.Helper()
	m := &member{calls: make(chan struct{})}
	m.Node = name("node")
	m.Context, m.end = context.WithCancel(context.Background())
	t.Cleanup(m.end)
	var err error
	m.Epoch, err = inflight.NewNodes(db).Register(t.Context(), work.Node{Node: m.Node, Slots: 1}, time.Hour)
	must(t, err)
	return m
}

// tenure is for Config.Tenure. A subscriber asks once at the beginning of each round.
func (m *member) tenure() (work.Tenure, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rounds.Add(1)
	close(m.calls)
	m.calls = make(chan struct{})
	return m.Tenure, !m.out.Load()
}

func (m *member) nextRound() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// afterRounds waits until at least n rounds have begun and ended from now on; wake, which
// may be nil, brings them on.
func (m *member) afterRounds(t *testing.T, n int, wake func()) {
	t.Helper()
	for range n + 1 {
		next := m.nextRound()
		if wake != nil {
			wake()
		}
		wait(t, next, "a round of the subscriber")
	}
}

func wait(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
	}
}

// subscriber gives a subscriber of a node that is closed with the test. Its group is
// named after the test, if c names none.
func subscriber(t *testing.T, db *schema.DB, m *member, c messaging.Config) *messaging.Subscriber {
	t.Helper()
	c.Tenure = m.tenure
	if c.IdlePoll == 0 {
		c.IdlePoll = 20 * time.Millisecond
	}
	if c.CloseWait == 0 {
		c.CloseWait = time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = testLog(t)
	}
	s, err := messaging.NewSubscriber(db, c)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func subscribe(t *testing.T, s *messaging.Subscriber, topic string) <-chan *message.Message {
	t.Helper()
	ch, err := s.Subscribe(t.Context(), topic)
	must(t, err)
	return ch
}

// take waits for a message.
func take(t *testing.T, ch <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, open := <-ch:
		if !open {
			t.Fatal("the channel was closed instead of a message")
		}
		return m
	case <-time.After(patience):
		t.Fatalf("no message came within %s", patience)
	}
	return nil
}

// none fails if a message is there.
func none(t *testing.T, ch <-chan *message.Message) {
	t.Helper()
	select {
	case m, open := <-ch:
		t.Fatalf("a message came (open: %v) that should not: %v", open, m)
	default:
	}
}

func delivery(m *message.Message) work.Delivery { return work.DeliveryFrom(m.Context()) }

func lease(m *message.Message) work.Lease { return delivery(m).Lease() }

// publish sends messages that no event caused, with their payloads as UUIDs too.
func publish(t *testing.T, db *schema.DB, bell *messaging.Bell, topic string, payloads ...string) {
	t.Helper()
	all := make([]*message.Message, len(payloads))
	for i, p := range payloads {
		all[i] = message.NewMessage(p, []byte(p))
	}
	must(t, messaging.NewPublisher(db, bell, nil).Publish(topic, all...))
}

// insertIn writes messages at their places, within tx.
func insertIn(ctx context.Context, tx *schema.Tx, all []work.OutboxMessage) error {
	inserts, err := messaging.NewOutbox(nil, watermill.NopLogger{}).Insert(tx.Dialect(), all)
	if err != nil {
		return err
	}
	return tx.Ask(ctx, inserts...)
}

// place writes messages at the next positions of a partition, within tx.
func place(ctx context.Context, tx *schema.Tx, topic string, partition int, payloads ...string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE heads SET head = head + ?1 WHERE partition = ?2`, len(payloads), partition); err != nil {
		return err
	}
	var head int64
	if err := tx.QueryRowContext(ctx, `SELECT head FROM heads WHERE partition = ?1`, partition).Scan(&head); err != nil {
		return err
	}
	all := make([]work.OutboxMessage, len(payloads))
	for i, p := range payloads {
		all[i] = work.OutboxMessage{
			Message:   work.Message{Topic: topic, UUID: p, Payload: []byte(p)},
			Partition: partition, Position: head - int64(len(payloads)-1-i), At: time.Now(),
		}
	}
	return insertIn(ctx, tx, all)
}

// placed is place in a transaction of its own.
func placed(t *testing.T, db *schema.DB, topic string, partition int, payloads ...string) {
	t.Helper()
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error { return place(t.Context(), tx, topic, partition, payloads...) }))
}

func numbered(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("m%03d", i)
	}
	return all
}

// exec changes the database behind the package's back and says how many rows it changed.
func exec(t testing.TB, db *schema.DB, query string, args ...any) (n int64) {
	t.Helper()
	must(t, db.InTx(context.Background(), func(tx *schema.Tx) error {
		res, err := tx.ExecContext(context.Background(), query, args...)
		if err == nil {
			n, err = res.RowsAffected()
		}
		return err
	}))
	return n
}

// expire ends a registration by the database's clock, without the node's knowing.
func expire(t *testing.T, db *schema.DB, tenure work.Tenure) {
	t.Helper()
	if exec(t, db, `UPDATE nodes SET expires_at = `+db.Dialect().NowPlus("?3")+` WHERE node = ?1 AND epoch = ?2`, tenure.Node, tenure.Epoch, -1) != 1 {
		t.Fatalf("there is no registration %s/%d", tenure.Node, tenure.Epoch)
	}
}

// row is what is in flight.
type row struct {
	uuid, node    string
	epoch         int64
	attempt       int
	interruptions int
	available     schema.Time
}

// inFlight reads the in-flight rows of a topic in order.
func inFlight(t testing.TB, db *schema.DB, topic string) []row {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), `SELECT uuid, node, epoch, attempt, interruptions, available_at FROM inflight
		WHERE topic = ?1 ORDER BY partition, position`, topic)
	must(t, err)
	defer func() { _ = rows.Close() }()
	var all []row
	for rows.Next() {
		var r row
		must(t, rows.Scan(&r.uuid, &r.node, &r.epoch, &r.attempt, &r.interruptions, &r.available))
		all = append(all, r)
	}
	must(t, rows.Err())
	return all
}

func count(t testing.TB, db *schema.DB, query string, args ...any) (n int64) {
	t.Helper()
	must(t, db.QueryRowContext(context.Background(), query, args...).Scan(&n))
	return n
}

// settleIn settles a lease within tx and says whether it was held.
func settleIn(tx *schema.Tx, leases inflight.Leases, r work.SettleRequest) (bool, error) {
	held := make([]bool, 1)
	questions, err := leases.Settle(tx.Dialect(), []work.SettleRequest{r}, held)
	if err != nil {
		return false, err
	}
	err = tx.Ask(context.Background(), questions...)
	return held[0], err
}

// settle settles a lease in a transaction of its own, as an append does, and says whether
// that is as it should be.
func settle(t *testing.T, db *schema.DB, l work.Lease, how work.Settlement, want bool) {
	t.Helper()
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
		var held bool
		var err error
		if how == work.SettlePass {
			held, err = passIn(tx, work.Pass{Lease: l, Message: follower(l, l.Topic)})
		} else {
			held, err = settleIn(tx, inflight.Leases{}, work.SettleRequest{Lease: l, Settle: how, Reason: "a test"})
		}
		if err == nil && held != want {
			t.Errorf("lease %+v: held is %v, want %v", l, held, want)
		}
		return err
	}))
}

// settleOf is settle for the lease of a message, whose delivery hears of it.
func settleOf(t *testing.T, db *schema.DB, m *message.Message, how work.Settlement, want bool) {
	t.Helper()
	settle(t, db, lease(m), how, want)
	if how != work.SettleKeep {
		delivery(m).Settled()
	}
}

// testLog shows a subscriber's log with the test's.
func testLog(t testing.TB) *logrus.Entry {
	logger := logrus.New()
	logger.SetOutput(testWriter{t})
	return logrus.NewEntry(logger)
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(line []byte) (int, error) {
	w.t.Logf("%s %s", time.Now().Format("05.000"), line)
	return len(line), nil
}
