package messaging_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

func TestSubscriber_lostAnswers(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"of a claim that took place":       testLostClaim,
		"of a claim that took place later": testLostClaimLate,
		"of a claim that did not":          testLostNothing,
		"are never more than the slots":    testLostSlots,
		"of acks":                          testLostAck,
		"that nobody knows to be lost":     testUnknownLease,
		"of nothing: a backup is restored": testTakenBack,
	})
}

// testTakenBack has a message come again, at the same place and with the same attempt, to a node that
// still handles it under an earlier registration, as after a restore of a backup. The end of the first
// delivery is not that of the second, which would be looked for as lost, and delivered once more.
func testTakenBack(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "x")
	s := subscriber(t, db, m, messaging.Config{Slots: 2, IdlePoll: 50 * time.Millisecond}.WithAdoptAnyway(50*time.Millisecond))
	ch := subscribe(t, s, topic)
	before := take(t, ch)
	epoch, err := inflight.NewNodes(db).Register(t.Context(), work.Node{Node: m.Node, Epoch: m.Epoch, Slots: 1}, time.Hour)
	must(t, err)
	m.mu.Lock()
	m.Epoch = epoch
	m.mu.Unlock()
	exec(t, db, `DELETE FROM inflight WHERE topic = ?1`, topic)
	exec(t, db, `UPDATE consumer_offsets SET position = position - 1 WHERE topic = ?1`, topic)
	after := take(t, ch)
	wantLease(t, after, m.Tenure, 1, 0)
	before.Ack()
	m.afterRounds(t, 50, nil) // long enough to be found twice
	none(t, ch)
	if s.Busy() != 1 {
		t.Errorf("%d messages are in hand, want the one that came again", s.Busy())
	}
	after.Ack()
}

// testUnknownLease has an in-flight row of the node that its subscriber has never heard
// of. No answer was lost, as far as it knows.
func testUnknownLease(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "known")
	s := subscriber(t, db, m, messaging.Config{Slots: 2, IdlePoll: 20 * time.Millisecond}.WithAdoptAnyway(50*time.Millisecond))
	ch := subscribe(t, s, topic)
	known := take(t, ch)
	exec(t, db, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata, node, epoch, attempt, interruptions, claimed_at, available_at)
		SELECT consumer_group, topic, partition, 0, topic, 0, 'unknown', payload, metadata, node, epoch, 4, 2, claimed_at, available_at FROM inflight WHERE topic = ?1`, topic)
	msg := take(t, ch)
	wantLease(t, msg, m.Tenure, 4, 2)
	if msg.UUID != "unknown" {
		t.Fatalf("delivered: %s", msg.UUID)
	}
	msg.Ack()
	known.Ack()
	m.afterRounds(t, 2, nil)
	none(t, ch)
}

// losing runs the first n transactions for which take says so, and loses the answer to
// their COMMIT; those for which it says no don't take place.
func losing(s *messaging.Subscriber, n int64, take func() bool) {
	var done atomic.Int64
	s.WrapInTx(func(inTx messaging.InTx) messaging.InTx {
		return func(ctx context.Context, f func(*schema.Tx) error) error {
			if done.Add(1) > n {
				return inTx(ctx, f)
			}
			if !take() {
				return fmt.Errorf("%w: a test", schema.ErrCommit)
			}
			if err := inTx(ctx, f); err != nil {
				return err
			}
			return fmt.Errorf("%w: a test", schema.ErrCommit)
		}
	})
}

func testLostClaim(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, numbered(3)...)
	s := subscriber(t, db, m, messaging.Config{Slots: 3, IdlePoll: tooLate})
	losing(s, 1, func() bool { return true })
	ch, seen := subscribe(t, s, topic), map[string]bool{}
	for range 3 {
		msg := take(t, ch)
		wantLease(t, msg, m.Tenure, 1, 0)
		seen[msg.UUID] = true
		msg.Ack()
	}
	if len(seen) != 3 {
		t.Fatalf("delivered: %v", seen)
	}
	m.afterRounds(t, 2, nil)
	none(t, ch)
	if rows := inFlight(t, db, topic); len(rows) != 0 {
		t.Fatalf("in flight: %+v", rows)
	}
}

// testLostClaimLate has a claim take effect after the subscriber has looked for it in
// vain and filled its slot otherwise.
func testLostClaimLate(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "other")
	s := subscriber(t, db, m, messaging.Config{Slots: 1, IdlePoll: tooLate})
	losing(s, 1, func() bool { return false })
	ch := subscribe(t, s, topic)
	other := take(t, ch)
	exec(t, db, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata, node, epoch, attempt, interruptions, claimed_at, available_at)
		SELECT consumer_group, topic, partition, 0, topic, 0, 'late', payload, metadata, node, epoch, 4, 2, claimed_at, available_at FROM inflight WHERE topic = ?1`, topic)
	before := db.Stats().Statements
	for db.Stats().Statements < before+2 { // it looks again, without a free slot
		m.afterRounds(t, 1, nil)
	}
	none(t, ch)
	if s.Busy() != 1 {
		t.Fatalf("%d of 1 slots are in use", s.Busy())
	}
	other.Ack()
	late := take(t, ch)
	wantLease(t, late, m.Tenure, 4, 2)
	if late.UUID != "late" {
		t.Fatalf("got %s", late.UUID)
	}
}

func testLostNothing(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "work")
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	losing(s, 1, func() bool { return false })
	ch := subscribe(t, s, topic)
	msg := take(t, ch)
	wantLease(t, msg, m.Tenure, 1, 0)
	msg.Ack()
	m.afterRounds(t, 2, nil)
	none(t, ch)
}

// testLostSlots loses one claim after the other: their messages must not be handled at
// once when they are found.
func testLostSlots(t *testing.T, db *schema.DB) {
	const slots, messages = 2, 6
	topic := name("topic")
	publish(t, db, nil, topic, numbered(messages)...)
	s := subscriber(t, db, join(t, db), messaging.Config{Slots: slots})
	losing(s, 2, func() bool { return true })
	ch, seen := subscribe(t, s, topic), map[string]bool{}
	for range messages {
		msg := take(t, ch)
		if busy := s.Busy(); busy > slots {
			t.Fatalf("%d of %d slots are in use", busy, slots)
		}
		if seen[msg.UUID] {
			t.Fatalf("%s was delivered twice", msg.UUID)
		}
		seen[msg.UUID] = true
		msg.Ack()
	}
}

func testLostAck(t *testing.T, db *schema.DB) {
	for _, takes := range []bool{true, false} {
		m, topic := join(t, db), name("topic")
		publish(t, db, nil, topic, "work")
		s := subscriber(t, db, m, messaging.Config{Slots: 1})
		var armed, lost atomic.Bool
		s.WrapInTx(func(inTx messaging.InTx) messaging.InTx {
			return func(ctx context.Context, f func(*schema.Tx) error) (err error) {
				if !armed.Load() || lost.Swap(true) {
					return inTx(ctx, f)
				}
				if takes {
					err = inTx(ctx, f)
				}
				return fmt.Errorf("%w: a test: %w", schema.ErrCommit, err)
			}
		})
		ch := subscribe(t, s, topic)
		msg := take(t, ch)
		armed.Store(true)
		msg.Ack()
		wait(t, msg.Context().Done(), "the end of the delivery")
		m.afterRounds(t, 4, nil)
		none(t, ch)
		if rows := inFlight(t, db, topic); len(rows) != 0 {
			t.Fatalf("in flight: %+v", rows)
		}
	}
}

// TestSubscriber_subscribeCut cuts the connections at the COMMIT of a subscription.
func TestSubscriber_subscribeCut(t *testing.T) {
	schematest.NeedSQLServer(t)
	db := schematest.SQLServer(t)
	proxy, through := schematest.Through(t, db.DSN().URL.String())
	for what, seen := range map[string]bool{"before the server has seen it": false, "before it has answered": true} {
		t.Run(what, func(t *testing.T) {
			m, topic := join(t, db), name("topic")
			publish(t, db, nil, topic, "waits")
			s := subscriber(t, through, m, messaging.Config{Slots: 1})
			proxy.LoseCommit(seen)
			take(t, subscribe(t, s, topic)).Ack()
		})
	}
}

// TestSubscriber_subscribeSilent drains a subscriber that is still subscribing, since its
// database does not answer.
func TestSubscriber_subscribeSilent(t *testing.T) {
	schematest.NeedSQLServer(t)
	db := schematest.SQLServer(t)
	proxy, through := schematest.Through(t, db.DSN().URL.String())
	s := subscriber(t, through, join(t, db), messaging.Config{Slots: 1})
	proxy.Silence(true)
	t.Cleanup(func() { proxy.Silence(false); proxy.Cut() })
	subscribed := make(chan error, 1)
	go func() {
		_, err := s.Subscribe(t.Context(), name("topic"))
		subscribed <- err
	}()
	must(t, s.Drain(t.Context()))
	select {
	case err := <-subscribed:
		must(t, err)
	case <-time.After(10 * time.Second): // the driver takes 5 s to believe that nobody answers
		t.Fatal("it goes on subscribing")
	}
}

// TestSubscriber_network cuts the connections at the COMMIT of a claim, before the server
// has seen it and after.
func TestSubscriber_network(t *testing.T) {
	schematest.NeedSQLServer(t)
	db := schematest.SQLServer(t)
	proxy, through := schematest.Through(t, db.DSN().URL.String())
	for what, seen := range map[string]bool{"before the server has seen it": false, "before it has answered": true} {
		t.Run(what, func(t *testing.T) {
			m, topic := join(t, db), name("topic")
			publish(t, db, nil, topic, numbered(3)...)
			s := subscriber(t, through, m, messaging.Config{Slots: 3})
			must(t, s.SubscribeInitialize(topic))
			proxy.LoseCommit(seen)
			ch, got := subscribe(t, s, topic), map[string]bool{}
			for range 3 {
				msg := take(t, ch)
				wantLease(t, msg, m.Tenure, 1, 0)
				got[msg.UUID] = true
				msg.Ack()
			}
			m.afterRounds(t, 2, nil)
			none(t, ch)
			if rows := inFlight(t, db, topic); len(got) != 3 || len(rows) != 0 {
				t.Fatalf("delivered %v, in flight %+v", got, rows)
			}
		})
	}
}
