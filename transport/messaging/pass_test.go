package messaging_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging"
)

func TestSubscriber_pass(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"goes on in the same slot":                    testPassOn,
		"not before what was given back":              testPassReturned,
		"not before a topic that goes first":          testPassTopics,
		"not in order, draining, or past the tenure":  testPassNever,
		"not to a topic that nobody takes":            testPassSubscribed,
		"is not taken for lost on its way":            testPassOnItsWay,
		"its context ends with the tenure":            testPassTenure,
		"is handed back when nobody takes the topic":  testPassNobody,
		"is another node's when its own node is lost": testPassTakenOver,
	})
}

// passOn settles a message as an append does that passes its lease on to topic; meanwhile
// happens between the commit and the moment its process knows of it.
func passOn(t *testing.T, db *schema.DB, msg *message.Message, topic string, meanwhile ...func()) {
	t.Helper()
	passOnFrom(t, db, msg, lease(msg), topic, meanwhile...)
}

// passOnFrom is passOn for a message whose row has become that of another lease.
func passOnFrom(t *testing.T, db *schema.DB, msg *message.Message, l work.Lease, topic string, meanwhile ...func()) {
	t.Helper()
	position := 900_000 + serial.Add(1)
	m := work.Message{Topic: topic, UUID: "next of " + msg.UUID, Payload: []byte("p"), Metadata: map[string]string{"k": "ü"}}
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
		held, err := passIn(tx, work.Pass{Lease: l, Message: work.OutboxMessage{Message: m, Partition: l.Partition, Position: position}})
		if err == nil && !held {
			t.Error("the lease is not held")
		}
		return err
	}))
	for _, f := range meanwhile {
		f()
	}
	u := work.Unit{Lease: l, Settle: work.SettlePass, Messages: []work.Message{m}}
	delivery(msg).GoOn(*u.Outcome([]domain.Recorded{{Partition: l.Partition, Position: position}}).Next, nil)
	msg.Ack()
}

// testPassOnItsWay: between the commit that passes a lease on and its delivery, its row is
// one that nobody here works on.
func testPassOnItsWay(t *testing.T, db *schema.DB) {
	m, one, two := join(t, db), name("topic"), name("topic")
	publish(t, db, nil, one, "a")
	s := subscriber(t, db, m, messaging.Config{Slots: 3, Topics: []string{two, one}}.WithAdoptAnyway(time.Millisecond))
	ch, next := subscribe(t, s, one), subscribe(t, s, two)
	msg := take(t, ch)
	if !delivery(msg).MayGoOn(two) {
		t.Fatal("the lease may not be passed on")
	}
	passOn(t, db, msg, two, func() {
		looks := time.After(2500 * time.Millisecond) // a second is between two looks
		for done := false; !done; {
			select {
			case lost := <-next:
				t.Fatalf("%s was taken for lost and delivered while it was on its way", lost.UUID)
			case <-looks:
				done = true
			}
		}
	})
	passed := take(t, next)
	m.afterRounds(t, 2, nil)
	none(t, next)
	passed.Ack()
}

func testPassOn(t *testing.T, db *schema.DB) {
	m, one, two := join(t, db), name("topic"), name("topic")
	publish(t, db, nil, one, "a", "b")
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Topics: []string{two, one}})
	ch, next := subscribe(t, s, one), subscribe(t, s, two)
	msg := take(t, ch)
	if !delivery(msg).MayGoOn(two) {
		t.Fatal("nothing waits that goes first, and the lease may not be passed on")
	}
	exec(t, db, `UPDATE inflight SET attempt = 3, interruptions = 2 WHERE topic = ?1`, one) // the next one begins anew
	l := lease(msg)
	l.Attempt, l.Interruptions = 3, 2
	passOnFrom(t, db, msg, l, two)
	passed := take(t, next)
	wait(t, msg.Context().Done(), "the end of the context of the message before")
	wantLease(t, passed, m.Tenure, 1, 0)
	if passed.UUID != "next of "+msg.UUID || string(passed.Payload) != "p" || passed.Metadata["k"] != "ü" || lease(passed).Topic != two {
		t.Fatalf("delivered %s %q %v under %+v", passed.UUID, passed.Payload, passed.Metadata, lease(passed))
	}
	if rows := inFlight(t, db, two); len(rows) != 1 || rows[0].node != m.Node || rows[0].attempt != 1 || rows[0].interruptions != 0 || len(inFlight(t, db, one)) != 0 {
		t.Fatalf("in flight: %+v and %+v", rows, inFlight(t, db, one))
	}
	if m.afterRounds(t, 2, nil); s.Busy() != 1 {
		t.Fatalf("%d slots are in use, want the one", s.Busy())
	}
	none(t, ch)
	passed.Ack()
	if b := take(t, ch); b.UUID != "b" {
		t.Fatalf("then came %s, want b", b.UUID)
	}
	if rows := inFlight(t, db, two); len(rows) != 0 {
		t.Fatalf("what was acked is in flight: %+v", rows)
	}
}

// wantMay waits until a lease may be passed on to topic, or may not.
func wantMay(t *testing.T, m *member, d work.Delivery, topic string, want bool) {
	t.Helper()
	for range 200 {
		if d.MayGoOn(topic) == want {
			return
		}
		m.afterRounds(t, 1, nil)
	}
	t.Fatalf("whether the lease may be passed on to %s is %v, want %v", topic, !want, want)
}

func testPassReturned(t *testing.T, db *schema.DB) {
	m, lost, topic := join(t, db), join(t, db), name("topic")
	publish(t, db, nil, topic, "mine")
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Topics: []string{topic}})
	ch := subscribe(t, s, topic)
	mine := take(t, ch)
	other := lone(t, db, lost, topic)
	wantMay(t, m, delivery(mine), topic, true)
	expire(t, db, lost.Tenure)
	wantMay(t, m, delivery(mine), topic, false)
	mine.Ack()
	again := take(t, ch)
	if again.UUID != other.UUID {
		t.Fatalf("then came %s, want %s", again.UUID, other.UUID)
	}
	wantMay(t, m, delivery(again), topic, true)
}

func testPassTopics(t *testing.T, db *schema.DB) {
	m, first, mid, last := join(t, db), name("topic"), name("topic"), name("topic")
	publish(t, db, nil, last, "mine")
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Topics: []string{first, mid, last}})
	ch := subscribe(t, s, last)
	subscribe(t, s, mid)
	subscribe(t, s, first)
	mine := take(t, ch)
	publish(t, db, nil, mid, "waits")
	wantMay(t, m, delivery(mine), last, false)
	if d := delivery(mine); !d.MayGoOn(mid) || !d.MayGoOn(first) {
		t.Error("a topic that does not go first holds up one that does")
	}
}

func testPassNever(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "a")
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	d := delivery(take(t, subscribe(t, s, topic)))
	m.end()
	if d.MayGoOn(topic) {
		t.Error("a lease may be passed on past the tenure")
	}
	m, topic = join(t, db), name("topic")
	publish(t, db, nil, topic, "a")
	s = subscriber(t, db, m, messaging.Config{Slots: 1})
	d = delivery(take(t, subscribe(t, s, topic)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = s.Drain(ctx) // it goes on
	if d.MayGoOn(topic) {
		t.Error("a lease may be passed on while the subscriber drains")
	}
	m, topic = join(t, db), name("topic")
	publish(t, db, nil, topic, "a")
	s = subscriber(t, db, m, messaging.Config{Slots: 1, Ordered: true})
	if d = delivery(take(t, subscribe(t, s, topic))); d.MayGoOn(topic) {
		t.Error("a lease may be passed on where messages are kept in order")
	}
}

// testPassSubscribed: a node that starts subscribes to one topic after the other, and one
// that it does not take yet is not one to go on with.
func testPassSubscribed(t *testing.T, db *schema.DB) {
	m, one, two := join(t, db), name("topic"), name("topic")
	publish(t, db, nil, one, "a")
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Topics: []string{two, one}})
	d := delivery(take(t, subscribe(t, s, one)))
	m.afterRounds(t, 1, nil)
	if d.MayGoOn(two) {
		t.Error("a lease may be passed on to a topic that nobody takes")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ch, err := s.Subscribe(ctx, two)
	must(t, err)
	wantMay(t, m, d, two, true)
	cancel()
	for range ch { // until it is closed
	}
	wantMay(t, m, d, two, false)
}

// testPassTenure ends the tenure while a lease that was passed on is in hand, and while it is
// on its way.
func testPassTenure(t *testing.T, db *schema.DB) {
	for _, inHand := range []bool{true, false} {
		m, one, two := join(t, db), name("topic"), name("topic")
		publish(t, db, nil, one, "a")
		s := subscriber(t, db, m, messaging.Config{Slots: 1})
		ch, next := subscribe(t, s, one), subscribe(t, s, two)
		msg := take(t, ch)
		if !inHand {
			passOn(t, db, msg, two, m.end)
			for range 200 {
				if s.Busy() > 0 {
					m.afterRounds(t, 1, nil)
				}
			}
			if none(t, next); s.Busy() > 0 {
				t.Fatal("what is on its way when the tenure ends is delivered")
			}
			continue
		}
		passOn(t, db, msg, two)
		passed := take(t, next)
		if err := passed.Context().Err(); err != nil {
			t.Fatalf("the context has ended: %v", err)
		}
		m.end()
		wait(t, passed.Context().Done(), "the end of the context")
		if cause := context.Cause(passed.Context()); !errors.Is(cause, domain.ErrFenced) {
			t.Fatalf("the cause is %v, want ErrFenced", cause)
		}
	}
}

func testPassNobody(t *testing.T, db *schema.DB) {
	m, heir, one, two := join(t, db), join(t, db), name("topic"), name("topic")
	publish(t, db, nil, one, "a")
	msg := take(t, subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 1}), one))
	passOn(t, db, msg, two)
	passed := take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), two))
	wantLease(t, passed, heir.Tenure, 2, 0)
}

func testPassTakenOver(t *testing.T, db *schema.DB) {
	m, heir, one, two := join(t, db), join(t, db), name("topic"), name("topic")
	publish(t, db, nil, one, "a")
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	ch, next := subscribe(t, s, one), subscribe(t, s, two)
	passOn(t, db, take(t, ch), two)
	passed := take(t, next)
	m.out.Store(true)
	expire(t, db, m.Tenure)
	again := take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), two))
	wantLease(t, again, heir.Tenure, 2, 1)
	settleOf(t, db, passed, work.SettleDone, false)
}
