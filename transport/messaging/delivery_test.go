package messaging_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging"
)

func TestSubscriber_delivery(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"the context ends with the tenure":           testContextTenure,
		"the context ends with the subscription":     testContextSubscription,
		"the context ends after the ack":             testContextAck,
		"a claim that outlasts the tenure goes back": testClaimOutlastsTenure,
		"an ack removes the row":                     testAck,
		"an ack after a settled lease costs nothing": testAckSettled,
		"an ack of a lost lease changes nothing":     testAckLost,
		"a nack waits, and is no interruption":       testNack,
		"a nack without delay comes back":            testNackNow,
		"acks are stored though claims fail":         testAckThoughClaimsFail,
	})
}

func testContextTenure(t *testing.T, db *schema.DB) {
	m := join(t, db)
	msg := lone(t, db, m, name("topic"))
	if err := msg.Context().Err(); err != nil {
		t.Fatalf("the context has ended: %v", err)
	}
	m.end()
	wait(t, msg.Context().Done(), "the end of the context")
	if cause := context.Cause(msg.Context()); !errors.Is(cause, domain.ErrFenced) {
		t.Fatalf("the cause is %v, want ErrFenced", cause)
	}
}

func testContextSubscription(t *testing.T, db *schema.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	topic := name("topic")
	publish(t, db, nil, topic, "work", "more")
	s := subscriber(t, db, join(t, db), messaging.Config{Slots: 1})
	ch, err := s.Subscribe(ctx, topic)
	must(t, err)
	msg := take(t, ch)
	cancel()
	wait(t, msg.Context().Done(), "the end of the context")
	if cause := context.Cause(msg.Context()); !errors.Is(cause, context.Canceled) || errors.Is(cause, domain.ErrFenced) {
		t.Fatalf("the cause is %v, want Canceled", cause)
	}
	msg.Nack()
	for open := true; open; {
		select {
		case _, open = <-ch:
		case <-time.After(patience):
			t.Fatal("the channel was not closed")
		}
	}
	t.Run("and others go on", func(t *testing.T) {
		if next := take(t, subscribe(t, s, topic)); next.UUID != "work" && next.UUID != "more" {
			t.Fatalf("got %s", next.UUID)
		}
	})
}

func testContextAck(t *testing.T, db *schema.DB) {
	msg := lone(t, db, join(t, db), name("topic"))
	msg.Ack()
	wait(t, msg.Context().Done(), "the end of the context")
}

// testClaimOutlastsTenure ends the tenure while the claim is being committed.
func testClaimOutlastsTenure(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "work")
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	s.WrapInTx(func(inTx messaging.InTx) messaging.InTx {
		return func(ctx context.Context, f func(*schema.Tx) error) error {
			err := inTx(ctx, f)
			m.out.Store(true)
			m.end()
			return err
		}
	})
	ch := subscribe(t, s, topic)
	go func() { // ready to take what comes
		for msg := range ch {
			t.Errorf("delivered in a tenure that had ended: %s", msg.UUID)
			msg.Nack()
		}
	}()
	wait(t, m.Context.Done(), "the claim")
	heir := join(t, db)
	wantLease(t, take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic)), heir.Tenure, 2, 0)
	must(t, s.Close())
}

func testAck(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	lone(t, db, m, topic).Ack()
	m.afterRounds(t, 2, nil)
	if rows := inFlight(t, db, topic); len(rows) != 0 {
		t.Fatalf("in flight after the ack: %+v", rows)
	}
}

func testAckSettled(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	msg := lone(t, db, m, topic)
	settleOf(t, db, msg, work.SettleDone, true)
	before := db.Stats()
	msg.Ack()
	wait(t, msg.Context().Done(), "the end of the delivery")
	m.afterRounds(t, 2, nil)
	if after := db.Stats(); after.Transactions != before.Transactions {
		t.Fatalf("an ack of a settled lease took %d transactions", after.Transactions-before.Transactions)
	}
}

func testAckLost(t *testing.T, db *schema.DB) {
	for _, acked := range []bool{true, false} {
		lost, heir, topic := join(t, db), join(t, db), name("topic")
		old := lone(t, db, lost, topic)
		expire(t, db, lost.Tenure)
		take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic))
		if acked {
			old.Ack()
		} else {
			old.Nack()
		}
		lost.afterRounds(t, 2, nil)
		if rows := inFlight(t, db, topic); len(rows) != 1 || rows[0].node != heir.Node || rows[0].attempt != 2 {
			t.Fatalf("acked %v under a lost lease, and in flight is %+v", acked, rows)
		}
	}
}

func testNack(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "work")
	ch := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 1, NackDelay: time.Hour}), topic)
	take(t, ch).Nack()
	m.afterRounds(t, 2, nil)
	none(t, ch)
	rows := inFlight(t, db, topic)
	if len(rows) != 1 || rows[0].node != "" || rows[0].attempt != 1 || rows[0].interruptions != 0 {
		t.Fatalf("in flight after the nack: %+v", rows)
	}
	if wait := time.Until(rows[0].available.Time); wait < 59*time.Minute || wait > 61*time.Minute {
		t.Errorf("it can be claimed in %s, want an hour", wait)
	}
	exec(t, db, `UPDATE inflight SET available_at = claimed_at WHERE topic = ?1`, topic)
	wantLease(t, take(t, ch), m.Tenure, 2, 0)
}

// testNackNow lets nothing but the nack bring the subscriber on, within the pause that
// follows a round with something to do.
func testNackNow(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "work")
	ch := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 1, NackDelay: -1, IdlePoll: tooLate}), topic)
	for attempt := 1; attempt <= 5; attempt++ {
		msg := take(t, ch)
		wantLease(t, msg, m.Tenure, attempt, 0)
		msg.Nack()
	}
}

// testAckThoughClaimsFail makes the next claim impossible: a row is where it has to go.
func testAckThoughClaimsFail(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "first", "second")
	ch := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 1}), topic)
	first := take(t, ch)
	exec(t, db, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata, node, epoch, attempt, interruptions, claimed_at, available_at)
		SELECT consumer_group, topic, partition, position + 1, topic, position + 1, 'block', payload, metadata, 'block', 1, 1, 0, claimed_at, available_at FROM inflight WHERE topic = ?1`, topic)
	first.Ack()
	wait(t, first.Context().Done(), "the end of the delivery")
	m.afterRounds(t, 4, nil)
	rows := inFlight(t, db, topic)
	if len(rows) != 1 || rows[0].uuid != "block" {
		t.Fatalf("in flight: %+v; want the ack of the first to be stored", rows)
	}
	exec(t, db, `DELETE FROM inflight WHERE topic = ?1`, topic)
	if next := take(t, ch); next.UUID != "second" {
		t.Fatalf("got %s", next.UUID)
	}
}
