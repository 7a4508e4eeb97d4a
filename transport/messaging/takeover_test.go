package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

func TestSubscriber_takeOver(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"of a node that expired":               testTakeOverExpired,
		"of a node that was released":          testTakeOverReleased,
		"never of a node that lives":           testTakeOverLive,
		"by the next registration of the name": testTakeOverOwn,
		"several nodes share what was lost":    testTakeOverRace,
		"an expired node claims nothing":       testExpiredClaimsNothing,
		"an expired node takes nothing over":   testExpiredTakesNothing,
		"a renewal and a take-over exclude":    testRenewRace,
		"suspects are handled one at a time":   testSuspects,
		"what was committed is not lost again": testTakeOverParts,
	})
}

// lone has a node claim one message, and gives it.
func lone(t *testing.T, db *schema.DB, m *member, topic string) *message.Message {
	t.Helper()
	publish(t, db, nil, topic, "work")
	return take(t, subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 1}), topic))
}

// wantLease fails if the lease is not as it should be.
func wantLease(t *testing.T, m *message.Message, node work.Tenure, attempt, interruptions int) {
	t.Helper()
	l := lease(m)
	if l.Node != node.Node || l.Epoch != node.Epoch || l.Attempt != attempt || l.Interruptions != interruptions {
		t.Fatalf("the lease is %+v; want node %s, epoch %d, attempt %d, %d interruptions", l, node.Node, node.Epoch, attempt, interruptions)
	}
}

func testTakeOverExpired(t *testing.T, db *schema.DB) {
	lost, heir, topic := join(t, db), join(t, db), name("topic")
	wantLease(t, lone(t, db, lost, topic), lost.Tenure, 1, 0)
	ch := subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic)
	heir.afterRounds(t, 2, nil)
	none(t, ch)
	expire(t, db, lost.Tenure)
	wantLease(t, take(t, ch), heir.Tenure, 2, 1)
	if got := nodeState(t, db, lost.Tenure); got != work.NodeLost {
		t.Errorf("the node that was lost has state %s", got)
	}
	second := join(t, db)
	ch = subscribe(t, subscriber(t, db, second, messaging.Config{Slots: 1}), topic)
	expire(t, db, heir.Tenure)
	wantLease(t, take(t, ch), second.Tenure, 3, 2)
}

func nodeState(t *testing.T, db *schema.DB, tenure work.Tenure) (state string) {
	t.Helper()
	must(t, db.QueryRowContext(t.Context(), `SELECT state FROM nodes WHERE node = ?1 AND epoch = ?2`, tenure.Node, tenure.Epoch).Scan(&state))
	return state
}

func testTakeOverReleased(t *testing.T, db *schema.DB) {
	lost, heir, topic := join(t, db), join(t, db), name("topic")
	lone(t, db, lost, topic)
	must(t, inflight.NewNodes(db).Release(t.Context(), lost.Registration))
	wantLease(t, take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic)), heir.Tenure, 2, 1)
	if got := nodeState(t, db, lost.Tenure); got != work.NodeStopped {
		t.Errorf("the node that was released has state %s", got)
	}
}

func testTakeOverLive(t *testing.T, db *schema.DB) {
	alive, heir, topic := join(t, db), join(t, db), name("topic")
	lone(t, db, alive, topic)
	ch := subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic)
	for _, ttl := range []time.Duration{tooLate, 2 * time.Minute} {
		must(t, inflight.NewNodes(db).Renew(t.Context(), alive.Registration, work.NodeDraining, 1, ttl))
		heir.afterRounds(t, 2, nil)
		none(t, ch)
	}
	if rows := inFlight(t, db, topic); len(rows) != 1 || rows[0].node != alive.Node || rows[0].attempt != 1 {
		t.Fatalf("in flight: %+v", rows)
	}
}

// testTakeOverOwn starts a node again under its name while the earlier registration is
// still good.
func testTakeOverOwn(t *testing.T, db *schema.DB) {
	old, topic := join(t, db), name("topic")
	lone(t, db, old, topic)
	epoch, err := inflight.NewNodes(db).Register(t.Context(), work.Node{Node: old.Node, Epoch: old.Epoch}, time.Hour)
	must(t, err)
	if epoch <= old.Epoch {
		t.Fatalf("epoch %d follows %d", epoch, old.Epoch)
	}
	next := join(t, db)
	next.Tenure.Node, next.Tenure.Epoch = old.Node, epoch
	ch := subscribe(t, subscriber(t, db, next, messaging.Config{Slots: 1}), topic)
	next.afterRounds(t, 2, nil)
	none(t, ch)
	expire(t, db, old.Tenure)
	wantLease(t, take(t, ch), next.Tenure, 2, 1)
}

func testTakeOverRace(t *testing.T, db *schema.DB) {
	const messages = 40
	lost, topic, all := join(t, db), name("topic"), make(chan struct{})
	publish(t, db, nil, topic, numbered(messages)...)
	ch := subscribe(t, subscriber(t, db, lost, messaging.Config{Slots: messages}), topic)
	for range messages {
		take(t, ch)
	}
	var seen sync.Map
	var total atomic.Int64
	var handlers sync.WaitGroup
	for _, handle := range []*schema.DB{db, schematest.Again(t, db), db} {
		handleAll(&handlers, subscribe(t, subscriber(t, handle, join(t, db), messaging.Config{Slots: 8}), topic), func(m *message.Message) {
			if earlier, twice := seen.LoadOrStore(m.UUID, lease(m).Node); twice {
				t.Errorf("message %s went to %v and to %s", m.UUID, earlier, lease(m).Node)
			}
			if l := lease(m); l.Attempt != 2 || l.Interruptions != 1 {
				t.Errorf("message %s is at attempt %d with %d interruptions", m.UUID, l.Attempt, l.Interruptions)
			}
			m.Ack()
			if total.Add(1) == messages {
				close(all)
			}
		})
	}
	expire(t, db, lost.Tenure)
	wait(t, all, "every message of the lost node")
}

func testExpiredClaimsNothing(t *testing.T, db *schema.DB) {
	expired, heir, topic := join(t, db), join(t, db), name("topic")
	expire(t, db, expired.Tenure)
	publish(t, db, nil, topic, "new")
	ch := subscribe(t, subscriber(t, db, expired, messaging.Config{Slots: 1}), topic)
	expired.afterRounds(t, 2, nil)
	if rows := inFlight(t, db, topic); len(rows) != 0 {
		t.Fatalf("a node whose registration has expired claimed %+v", rows)
	}
	none(t, ch)
	wantLease(t, take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic)), heir.Tenure, 1, 0)
}

func testExpiredTakesNothing(t *testing.T, db *schema.DB) {
	lost, expired, heir, topic := join(t, db), join(t, db), join(t, db), name("topic")
	lone(t, db, lost, topic)
	expire(t, db, lost.Tenure)
	expire(t, db, expired.Tenure)
	subscribe(t, subscriber(t, db, expired, messaging.Config{Slots: 1}), topic)
	expired.afterRounds(t, 2, nil)
	wantLease(t, take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic)), heir.Tenure, 2, 1)
}

// testRenewRace has a node renew for a short time again and again until it is too late;
// once another node has its message, no renewal may succeed.
func testRenewRace(t *testing.T, db *schema.DB) {
	topic, heir := name("topic"), join(t, db)
	ch := subscribe(t, subscriber(t, schematest.Again(t, db), heir, messaging.Config{Slots: 1, IdlePoll: time.Millisecond}), topic)
	nodes := inflight.NewNodes(db)
	for i := range 12 {
		m := join(t, db)
		must(t, nodes.Renew(t.Context(), m.Registration, work.NodeActive, 1, 30*time.Millisecond))
		exec(t, db, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata, node, epoch, attempt, interruptions,
			claimed_at, available_at) VALUES ('workers', ?1, 0, ?2, ?1, ?2, 'work', ?3, '{}', ?4, ?5, 1, 0, ?6, ?6)`,
			topic, i+1, []byte("work"), m.Node, m.Epoch, schema.TimeArg(time.Now()))
		var taken atomic.Bool
		over := make(chan struct{})
		go func() {
			defer close(over)
			for i := 0; ; i++ {
				before := taken.Load()
				err := nodes.Renew(context.Background(), m.Registration, work.NodeActive, 1, time.Duration(1+i%30)*time.Millisecond)
				if before && err == nil {
					t.Error("a registration was renewed after its message had been taken over")
				}
				if err != nil {
					if !errors.Is(err, domain.ErrFenced) {
						t.Error(err)
					}
					return
				}
			}
		}()
		msg := take(t, ch)
		taken.Store(true)
		wait(t, over, "the end of the renewals")
		msg.Ack()
	}
}

// testTakeOverParts has the second of the transactions fail that take a lost node's messages over. What the first
// one took over is delivered all the same.
func testTakeOverParts(t *testing.T, db *schema.DB) {
	const messages = 40
	topic, heir := name("topic"), join(t, db)
	lost := heldBy(t, db, topic, messages)
	s := subscriber(t, db, heir, messaging.Config{Slots: messages})
	var transactions atomic.Int64
	goOn := make(chan struct{})
	s.WrapInTx(func(inTx messaging.InTx) messaging.InTx {
		return func(ctx context.Context, f func(*schema.Tx) error) error {
			if transactions.Add(1) == 1 {
				return inTx(ctx, f)
			}
			select {
			case <-goOn:
				return inTx(ctx, f)
			default:
				return fmt.Errorf("%w: a test", schema.ErrUnavailable)
			}
		}
	})
	expire(t, db, lost.Tenure)
	ch, seen := subscribe(t, s, topic), map[string]bool{}
	for len(seen) < messages/2 {
		seen[take(t, ch).UUID] = true
	}
	for quiet := false; !quiet; { // until all of the first transaction have come
		next := heir.nextRound()
		select {
		case m := <-ch:
			seen[m.UUID] = true
		case <-next:
			quiet = transactions.Load() > 3
		}
	}
	if len(seen) == messages {
		t.Error("all messages were taken over in one transaction")
	}
	close(goOn)
	for len(seen) < messages {
		m := take(t, ch)
		wantLease(t, m, heir.Tenure, 2, 1)
		if seen[m.UUID] {
			t.Errorf("%s came twice", m.UUID)
		}
		seen[m.UUID] = true
	}
}
