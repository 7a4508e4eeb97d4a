package retention_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

var serial atomic.Int64

// name makes a name that no other test uses.
func name(what string) string { return fmt.Sprintf("%s-%d", what, serial.Add(1)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func exec(t testing.TB, db *schema.DB, query string, args ...any) {
	t.Helper()
	must(t, db.InTx(context.Background(), func(tx *schema.Tx) error {
		_, err := tx.ExecContext(context.Background(), query, args...)
		return err
	}))
}

func count(t testing.TB, db *schema.DB, query string, args ...any) (n int64) {
	t.Helper()
	must(t, db.QueryRowContext(context.Background(), query, args...).Scan(&n))
	return n
}

func register(t *testing.T, db *schema.DB, n work.Node) work.Tenure {
	t.Helper()
	epoch, err := inflight.NewNodes(db).Register(t.Context(), n, time.Hour)
	must(t, err)
	return work.Tenure{Registration: work.Registration{Node: n.Node, Epoch: epoch}, Context: t.Context()}
}

// join registers a node.
func join(t *testing.T, db *schema.DB) work.Tenure {
	t.Helper()
	return register(t, db, work.Node{Node: name("node"), Slots: 1})
}

// subscriber gives a subscriber of a node that is closed with the test.
func subscriber(t *testing.T, db *schema.DB, tenure work.Tenure, c messaging.Config) *messaging.Subscriber {
	t.Helper()
	c.Tenure = func() (work.Tenure, bool) { return tenure, true }
	c.IdlePoll, c.CloseWait = 20*time.Millisecond, time.Millisecond
	s, err := messaging.NewSubscriber(db, c)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
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

func subscribe(t *testing.T, s *messaging.Subscriber, topic string) <-chan *message.Message {
	t.Helper()
	ch, err := s.Subscribe(t.Context(), topic)
	must(t, err)
	return ch
}

// placed writes messages at the next positions of a partition.
func placed(t *testing.T, db *schema.DB, topic string, partition int, uuids ...string) {
	t.Helper()
	exec(t, db, `UPDATE heads SET head = head + ?1 WHERE partition = ?2`, len(uuids), partition)
	head := count(t, db, `SELECT head FROM heads WHERE partition = ?1`, partition)
	for i, uuid := range uuids {
		exec(t, db, `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at) VALUES (?1, ?2, ?3, ?4, ?5, '{}', ?6)`,
			topic, partition, head-int64(len(uuids)-1-i), uuid, []byte(uuid), schema.TimeArg(time.Now()))
	}
}

func numbered(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("m%03d", i)
	}
	return all
}

// outbox reads what is in the outbox of a topic, in order.
func outbox(t *testing.T, db *schema.DB, topic string) (uuids []string, positions []int64) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT uuid, position FROM outbox WHERE topic = ?1 ORDER BY partition, position`, topic)
	must(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var uuid string
		var position int64
		must(t, rows.Scan(&uuid, &position))
		uuids, positions = append(uuids, uuid), append(positions, position)
	}
	must(t, rows.Err())
	return uuids, positions
}
