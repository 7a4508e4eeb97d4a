package messaging_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/schema"
	"orderflow/transport/messaging"
)

// TestSubscriber_heldAcks: acknowledgements whose rows are held hold up no others, and are no failure.
func TestSubscriber_heldAcks(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){"one held row": testHeldAcks})
}

// busyFor has transactions meet a locked row, while held is set, that end a node's lease of a message.
func busyFor(node *member, topic, uuid string, held *atomic.Bool) func(messaging.InTx) messaging.InTx {
	return func(inTx messaging.InTx) messaging.InTx {
		return func(ctx context.Context, f func(*schema.Tx) error) error {
			return inTx(ctx, func(tx *schema.Tx) error {
				if err := f(tx); err != nil || !held.Load() {
					return err
				}
				var n int
				err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM inflight WHERE topic = ?1 AND uuid = ?2 AND node = ?3`, topic, uuid, node.Node).Scan(&n)
				if err == nil && n == 0 {
					err = fmt.Errorf("%w: a test", schema.ErrBusy)
				}
				return err
			})
		}
	}
}

// inHand has a node with ten slots take five messages, and gives them.
func inHand(t *testing.T, db *schema.DB, s *messaging.Subscriber, topic string) (messages []*message.Message) {
	t.Helper()
	publish(t, db, nil, topic, numbered(5)...)
	ch := subscribe(t, s, topic)
	for range 5 {
		messages = append(messages, take(t, ch))
	}
	return messages
}

// wantLeft waits until a topic has n messages in flight that a node holds.
func wantLeft(t *testing.T, db *schema.DB, topic string, node *member, n int) {
	t.Helper()
	for late := time.Now().Add(patience / 2); ; {
		var held []string
		for _, r := range inFlight(t, db, topic) {
			if r.node == node.Node {
				held = append(held, r.uuid)
			}
		}
		if len(held) == n {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("the node holds %q after %s, want %d messages", held, patience/2, n)
		}
		node.afterRounds(t, 1, nil)
	}
}

func testHeldAcks(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	var held atomic.Bool
	var failed atomic.Int64
	s := subscriber(t, db, m, messaging.Config{Slots: 10, OnRound: func(err error) {
		if err != nil {
			failed.Add(1)
		}
	}})
	s.WrapInTx(busyFor(m, topic, "m001", &held))
	messages := inHand(t, db, s, topic)
	held.Store(true)
	for _, msg := range messages {
		msg.Ack()
	}
	wantLeft(t, db, topic, m, 1)
	if n := failed.Load(); n != 0 {
		t.Errorf("%d rounds failed", n)
	}
	held.Store(false)
	wantLeft(t, db, topic, m, 0)
}
