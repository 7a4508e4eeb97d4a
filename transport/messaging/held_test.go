package messaging_test

import (
	"sync/atomic"
	"testing"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging"
)

// Each case holds a topic, shows that nothing of it is begun in one of the five ways and that another topic flows in
// the same slots, and lets go.
func TestSubscriber_held(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"is not claimed":                     testHeldClaim,
		"is not claimed where some was left": testHeldLeft,
		"is not taken over":                  testHeldTakeOver,
		"is not passed on":                   testHeldPass,
		"is not started where it is placed":  testHeldReserve,
		"is given back if it was claimed":    testHeldClaimed,
		"all topics: acks are stored":        testHeldAll,
	})
}

// holding is a topic that is held until it is let go.
type holding struct {
	topic string
	no    atomic.Bool
}

func (h *holding) held(topic string) bool { return topic == h.topic && !h.no.Load() }

func testHeldClaim(t *testing.T, db *schema.DB) {
	m, held, other := join(t, db), &holding{topic: name("topic")}, name("topic")
	publish(t, db, nil, held.topic, "waits")
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Topics: []string{held.topic, other}, Held: held.held})
	ch, flows := subscribe(t, s, held.topic), subscribe(t, s, other)
	publish(t, db, nil, other, numbered(3)...)
	for range 3 { // though the one that waits goes first
		msg := take(t, flows)
		wantMay(t, m, delivery(msg), other, true)
		msg.Ack()
	}
	m.afterRounds(t, 2, nil)
	none(t, ch)
	if rows := inFlight(t, db, held.topic); len(rows) > 0 {
		t.Fatalf("what is held was claimed: %+v", rows)
	}
	held.no.Store(true)
	msg := take(t, ch)
	wantLease(t, msg, m.Tenure, 1, 0)
	msg.Ack()
}

// testHeldLeft holds a topic of which the last claim left messages, a moment ago.
func testHeldLeft(t *testing.T, db *schema.DB) {
	m, held := join(t, db), &holding{topic: name("topic")}
	held.no.Store(true)
	publish(t, db, nil, held.topic, numbered(3)...)
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Held: held.held})
	ch := subscribe(t, s, held.topic)
	subscribe(t, s, name("topic"))
	for range 3 {
		msg := take(t, ch)
		held.no.Store(false)
		msg.Ack()
		m.afterRounds(t, 3, nil)
		none(t, ch)
		if rows := inFlight(t, db, held.topic); len(rows) > 0 {
			t.Fatalf("what is held was claimed, and what was done is stored: %+v", rows)
		}
		held.no.Store(true)
	}
}

func testHeldTakeOver(t *testing.T, db *schema.DB) {
	lost, heir, held := join(t, db), join(t, db), &holding{topic: name("topic")}
	lone(t, db, lost, held.topic)
	publish(t, db, nil, held.topic, "given back")
	settle(t, db, lease(lone(t, db, join(t, db), held.topic)), work.SettleHandBack, true)
	s := subscriber(t, db, heir, messaging.Config{Slots: 1, Held: held.held})
	ch := subscribe(t, s, held.topic)
	expire(t, db, lost.Tenure)
	heir.afterRounds(t, 3, nil)
	none(t, ch)
	held.no.Store(true)
	for range 2 {
		msg := take(t, ch)
		if l := lease(msg); l.Node != heir.Node || l.Attempt != 2 {
			t.Errorf("the lease is %+v, want the second attempt, on the heir", l)
		}
		msg.Ack()
	}
}

func testHeldPass(t *testing.T, db *schema.DB) {
	m, held, first := join(t, db), &holding{topic: name("topic")}, name("topic")
	publish(t, db, nil, first, "a")
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Topics: []string{held.topic, first}, Held: held.held})
	ch := subscribe(t, s, first)
	subscribe(t, s, held.topic)
	msg := take(t, ch)
	wantMay(t, m, delivery(msg), first, true)
	if delivery(msg).MayGoOn(held.topic) {
		t.Error("the lease may be passed on to a topic that is held")
	}
	held.no.Store(true)
	wantMay(t, m, delivery(msg), held.topic, true)
	msg.Ack()
}

func testHeldReserve(t *testing.T, db *schema.DB) {
	m, held, other := join(t, db), &holding{topic: name("topic")}, name("topic")
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Held: held.held})
	subscribe(t, s, held.topic)
	subscribe(t, s, other)
	_, end := reserve(t, m, s, other)
	end(nil, nil)
	if _, end := s.Reserve(held.topic); end != nil {
		t.Error("a slot was reserved for a topic that is held")
	}
	held.no.Store(true)
	_, end = reserve(t, m, s, held.topic)
	end(nil, nil)
}

// testHeldClaimed holds a topic from the moment on at which the loop has asked whether it may claim. What was adopted is
// delivered, or given back, by the same function as what was claimed.
func testHeldClaimed(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "claimed")
	var asked atomic.Int64
	var free atomic.Bool
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Held: func(string) bool { return asked.Add(1) > 1 && !free.Load() }})
	ch := subscribe(t, s, topic)
	m.afterRounds(t, 3, nil)
	none(t, ch)
	if rows := inFlight(t, db, topic); len(rows) != 1 || rows[0].node != "" || rows[0].interruptions != 0 {
		t.Errorf("in flight: %+v; want the message, given back", rows)
	}
	free.Store(true)
	msg := take(t, ch)
	wantLease(t, msg, m.Tenure, 2, 0)
	msg.Ack()
}

// testHeldAll is a cordoned node: it begins nothing, and what it has in hand ends as ever.
func testHeldAll(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	var cordoned atomic.Bool
	publish(t, db, nil, topic, "a", "b")
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Held: func(string) bool { return cordoned.Load() }})
	ch := subscribe(t, s, topic)
	msg := take(t, ch)
	cordoned.Store(true)
	msg.Ack()
	m.afterRounds(t, 5, nil)
	none(t, ch)
	if rows := inFlight(t, db, topic); len(rows) > 0 {
		t.Errorf("in flight: %+v; want nothing: what was done is stored, and nothing claimed", rows)
	}
	cordoned.Store(false)
	take(t, ch).Ack()
}
