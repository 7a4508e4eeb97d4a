package messaging_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// TestSubscriber_stranger is about a process that has fallen silent in the middle of a transaction, and holds
// rows locked all the while: a node that is well goes on claiming what does not need these rows.
func TestSubscriber_stranger(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"holds the registration of a lost node": testStrangerNode,
		"holds a row of a lost node":            testStrangerRow,
		"holds one offset":                      testStrangerOffset,
		"holds the row of a message in hand":    testStrangerAck,
		"holds one of the lost registrations":   testStrangerLook,
	})
}

// stranger locks a row by a statement, and holds it until release is called.
func stranger(t *testing.T, db *schema.DB, query string, args ...any) (release func()) {
	t.Helper()
	if db.Dialect().OneWriter() {
		t.Skip("whoever writes to SQLite locks everything")
	}
	return schematest.Hold(t, db, 1, query, args...)
}

// heldBy has a node claim n messages of a topic, and lets its registration expire.
func heldBy(t *testing.T, db *schema.DB, topic string, n int) *member {
	t.Helper()
	lost := join(t, db)
	publish(t, db, nil, topic, numbered(n)...)
	ch := subscribe(t, subscriber(t, db, lost, messaging.Config{Slots: n}), topic)
	for range n {
		take(t, ch)
	}
	return lost
}

// wantProgress sends messages one after the other and wants each of them soon.
func wantProgress(t *testing.T, ch <-chan *message.Message, send func(uuid string)) {
	t.Helper()
	longest := time.Duration(0)
	for i := range 5 {
		uuid, sent := fmt.Sprintf("new-%d", i), time.Now()
		send(uuid)
		select {
		case m := <-ch:
			if m.UUID != uuid {
				t.Errorf("%s came, want %s", m.UUID, uuid)
			}
			m.Ack()
		case <-time.After(patience):
			t.Fatalf("%s was not claimed within %s", uuid, patience)
		}
		longest = max(longest, time.Since(sent))
	}
	t.Logf("a new message waited %s at most", longest.Round(time.Millisecond))
}

// besides has a node serve two topics, the first of which a lost node has messages of, and wants the second to go on
// while a stranger holds a row. Of the lost node's messages the free ones come meanwhile, and the others once the
// stranger has gone.
func besides(t *testing.T, db *schema.DB, topic string, free, held int, query string, args ...any) {
	t.Helper()
	fresh, heir := name("topic"), join(t, db)
	release := stranger(t, db, query, args...)
	s := subscriber(t, db, heir, messaging.Config{Slots: 8})
	taken, ch := subscribe(t, s, topic), subscribe(t, s, fresh)
	wantProgress(t, ch, func(uuid string) { publish(t, db, nil, fresh, uuid) })
	for range free {
		m := take(t, taken)
		wantLease(t, m, heir.Tenure, 2, 1)
		m.Ack()
	}
	heir.afterRounds(t, 2, nil)
	none(t, taken)
	release()
	for range held {
		m := take(t, taken)
		wantLease(t, m, heir.Tenure, 2, 1)
		m.Ack()
	}
}

// testStrangerNode: two nodes are lost, of which the registration of the first is held.
func testStrangerNode(t *testing.T, db *schema.DB) {
	topic := name("topic")
	lost, other := heldBy(t, db, topic, 12), heldBy(t, db, topic, 2)
	expire(t, db, lost.Tenure)
	expire(t, db, other.Tenure)
	besides(t, db, topic, 2, 12, `UPDATE nodes SET busy = busy + 1 WHERE node = ?1 AND epoch = ?2`, lost.Node, lost.Epoch)
}

func testStrangerRow(t *testing.T, db *schema.DB) {
	topic := name("topic")
	lost := heldBy(t, db, topic, 3)
	expire(t, db, lost.Tenure)
	besides(t, db, topic, 2, 1, `UPDATE inflight SET attempt = attempt + 1 WHERE topic = ?1 AND uuid = ?2`, topic, "m001")
}

// testStrangerOffset: of the partitions of a topic one is held, and the others are claimed from.
func testStrangerOffset(t *testing.T, db *schema.DB) {
	topic, heir := name("topic"), join(t, db)
	s := subscriber(t, db, heir, messaging.Config{Slots: 8})
	must(t, s.SubscribeInitialize(topic))
	placed(t, db, topic, 1, "held")
	release := stranger(t, db, `UPDATE consumer_offsets SET position = position + 1 WHERE topic = ?1 AND partition = 1`, topic)
	ch := subscribe(t, s, topic)
	wantProgress(t, ch, func(uuid string) { placed(t, db, topic, 2, uuid) })
	release()
	if m := take(t, ch); m.UUID != "held" {
		t.Errorf("%s came, want what was held", m.UUID)
	}
}

// testStrangerAck: of messages that were dealt with, or given back, a stranger holds the row of one. The others are
// stored while he holds it, without a failure, and that one when he has gone.
func testStrangerAck(t *testing.T, db *schema.DB) {
	topic, fresh, m := name("topic"), name("topic"), join(t, db)
	var failed atomic.Int64
	s := subscriber(t, db, m, messaging.Config{Slots: 8, NackDelay: time.Hour, OnRound: func(err error) {
		if err != nil {
			failed.Add(1)
		}
	}})
	messages, ch := inHand(t, db, s, topic), subscribe(t, s, fresh)
	release := stranger(t, db, `UPDATE inflight SET attempt = attempt + 1 WHERE topic = ?1 AND uuid = ?2`, topic, "m001")
	for i, msg := range messages {
		if i == 3 {
			msg.Nack()
		} else {
			msg.Ack()
		}
	}
	wantProgress(t, ch, func(uuid string) { publish(t, db, nil, fresh, uuid) })
	wantLeft(t, db, topic, m, 1)
	if n := failed.Load(); n != 0 {
		t.Errorf("%d rounds failed", n)
	}
	release()
	wantLeft(t, db, topic, m, 0)
}

// testStrangerLook: of two lost nodes that have no work a stranger holds the first. The second is declared lost.
func testStrangerLook(t *testing.T, db *schema.DB) {
	held, other := join(t, db), join(t, db)
	if held.Node > other.Node {
		held, other = other, held
	}
	for _, m := range []*member{held, other} {
		exec(t, db, `UPDATE nodes SET expires_at = `+db.Dialect().NowPlus("?3")+` WHERE node = ?1 AND epoch = ?2`, m.Node, m.Epoch, -60_000)
	}
	release := stranger(t, db, `UPDATE nodes SET busy = busy + 1 WHERE node = ?1 AND epoch = ?2`, held.Node, held.Epoch)
	losses := inflight.NewLosses(db, inflight.LossesConfig{})
	_ = losses.Look(t.Context()) // passes over what is held, or says that it is
	if got := nodeState(t, db, other.Tenure); got != work.NodeLost {
		t.Errorf("the node whose registration nobody holds has state %s", got)
	}
	release()
	must(t, losses.Look(t.Context()))
	if got := nodeState(t, db, held.Tenure); got != work.NodeLost {
		t.Errorf("the node whose registration was held has state %s", got)
	}
}
