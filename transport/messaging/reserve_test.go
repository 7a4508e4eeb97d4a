package messaging_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

func TestSubscriber_Reserve(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"delivers what was taken":                  testTake,
		"gives slots that are free":                testReserveSlots,
		"not before what waits":                    testReserveWaits,
		"not what is kept for a take-over":         testReserveKept,
		"not in order, draining, or out of tenure": testReserveNever,
		"is refused to a lost node":                testTakeFenced,
		"is not taken for lost on its way":         testTakeOnItsWay,
		"is delivered though the node drains":      testTakeDrains,
		"is another node's when its own is lost":   testTakeTakenOver,
	})
}

// reserve waits for a slot: a look may have to find out first that nothing waits.
func reserve(t *testing.T, m *member, s *messaging.Subscriber, topic string) (work.Lease, func(*work.Next, *domain.Order)) {
	t.Helper()
	for range 200 {
		if l, end := s.Reserve(topic); end != nil {
			return l, end
		}
		m.afterRounds(t, 1, nil)
	}
	t.Fatalf("no slot for %s", topic)
	return work.Lease{}, nil
}

// commitStart does what an append does that starts a lease, and says whether it was granted.
func commitStart(t *testing.T, db *schema.DB, l work.Lease) (next *work.Next, held bool) {
	t.Helper()
	m := work.Message{Topic: l.Topic, UUID: name("started"), Payload: []byte("p"), Metadata: map[string]string{"k": "ü"}}
	position := 900_000 + serial.Add(1)
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) (err error) {
		held, err = settleIn(tx, inflight.Leases{}, work.SettleRequest{Lease: l, Settle: work.SettleStart})
		if err != nil || !held {
			return err
		}
		starts := []work.Pass{{Lease: l, Message: work.OutboxMessage{Message: m, Partition: 2, Position: position}}}
		questions, err := inflight.Leases{}.Start(tx.Dialect(), starts)
		if err != nil {
			return err
		}
		return tx.Ask(context.Background(), questions...)
	}))
	u := work.Unit{Lease: l, Settle: work.SettleStart, Messages: []work.Message{m}}
	return u.Outcome([]domain.Recorded{{Partition: 2, Position: position}}).Next, held
}

func testTake(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Topics: []string{topic}})
	ch := subscribe(t, s, topic)
	l, end := reserve(t, m, s, topic)
	sent, held := commitStart(t, db, l)
	if !held {
		t.Fatal("a registered node was refused a lease")
	}
	end(sent, nil)
	msg := take(t, ch)
	wantLease(t, msg, m.Tenure, 1, 0)
	if msg.UUID != sent.Message.UUID || string(msg.Payload) != "p" || msg.Metadata["k"] != "ü" || lease(msg) != sent.Lease {
		t.Fatalf("delivered %s %q %v under %+v", msg.UUID, msg.Payload, msg.Metadata, lease(msg))
	}
	if rows := inFlight(t, db, topic); len(rows) != 1 || rows[0].uuid != sent.Message.UUID || rows[0].node != m.Node || rows[0].attempt != 1 || rows[0].interruptions != 0 {
		t.Fatalf("in flight: %+v", rows)
	}
	if n := count(t, db, `SELECT COUNT(*) FROM outbox WHERE topic = ?1`, topic); n != 0 || s.Busy() != 1 {
		t.Fatalf("%d messages went through the outbox, %d slots are in use", n, s.Busy())
	}
	msg.Ack()
	for range 200 {
		if len(inFlight(t, db, topic)) == 0 {
			return
		}
		m.afterRounds(t, 1, nil)
	}
	t.Fatal("what was acked is in flight")
}

func testReserveSlots(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	s := subscriber(t, db, m, messaging.Config{Slots: 2})
	if _, end := s.Reserve(topic); end != nil {
		t.Error("a slot was given for a topic that nobody takes")
	}
	subscribe(t, s, topic)
	_, end := reserve(t, m, s, topic)
	_, other := reserve(t, m, s, topic)
	if l, end := s.Reserve(topic); end != nil || s.Busy() != 2 {
		t.Errorf("a third of two slots was given: %v; %d in use", l, s.Busy())
	}
	end(nil, nil)
	if s.Busy() != 1 {
		t.Errorf("%d slots in use, want 1", s.Busy())
	}
	_, end = reserve(t, m, s, topic)
	end(nil, nil)
	other(nil, nil)
}

// testReserveWaits looks at the moment between the end of one message and the claim of the
// one that has waited for its slot.
func testReserveWaits(t *testing.T, db *schema.DB) {
	m, first, topic, last := join(t, db), name("topic"), name("topic"), name("topic")
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Topics: []string{first, topic, last}})
	claiming, goOn := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	var blocked atomic.Bool
	s.WrapInTx(func(inTx messaging.InTx) messaging.InTx {
		return func(ctx context.Context, f func(*schema.Tx) error) error {
			if blocked.Swap(false) {
				close(claiming)
				<-goOn
			}
			return inTx(ctx, f)
		}
	})
	publish(t, db, nil, topic, "a")
	ch := subscribe(t, s, topic)
	subscribe(t, s, first)
	subscribe(t, s, last)
	a := take(t, ch)
	wantMay(t, m, delivery(a), last, true)
	publish(t, db, nil, topic, "waits")
	wantMay(t, m, delivery(a), last, false)
	blocked.Store(true)
	a.Ack()
	wait(t, claiming, "the claim")
	for _, behind := range []string{topic, last} {
		if _, end := s.Reserve(behind); end != nil {
			t.Errorf("a new message of %s was given the slot that another one waits for", behind)
		}
	}
	_, end := s.Reserve(first)
	if end == nil {
		t.Fatal("a topic that does not go first holds up one that does")
	}
	end(nil, nil)
	release()
	if next := take(t, ch); next.UUID != "waits" {
		t.Fatalf("then came %s", next.UUID)
	}
}

// testReserveKept stops a take-over in its middle. Its messages have slots, which are counted once.
func testReserveKept(t *testing.T, db *schema.DB) {
	const slots, lost = 8, 7
	topic, fresh, m := name("topic"), name("topic"), join(t, db)
	owner := heldBy(t, db, topic, lost)
	s := subscriber(t, db, m, messaging.Config{Slots: slots})
	subscribe(t, s, fresh)
	_, end := reserve(t, m, s, fresh)
	end(nil, nil)
	takingOver, goOn := make(chan struct{}), make(chan struct{})
	release, arrive := sync.OnceFunc(func() { close(goOn) }), sync.OnceFunc(func() { close(takingOver) })
	t.Cleanup(release)
	s.WrapInTx(func(inTx messaging.InTx) messaging.InTx {
		return func(ctx context.Context, f func(*schema.Tx) error) error {
			arrive()
			<-goOn
			return inTx(ctx, f)
		}
	})
	expire(t, db, owner.Tenure)
	ch := subscribe(t, s, topic)
	wait(t, takingOver, "the take-over")
	given := 0
	for range slots {
		if _, end := s.Reserve(fresh); end != nil {
			given++
		}
	}
	if given != slots-lost || s.Busy() != slots {
		t.Errorf("%d slots were given while %d of %d are filled, and %d are busy", given, lost, slots, s.Busy())
	}
	release()
	for range lost {
		take(t, ch)
	}
	if s.Busy() != slots {
		t.Errorf("%d of %d slots are busy then", s.Busy(), slots)
	}
}

func testReserveNever(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	subscribe(t, s, topic)
	m.out.Store(true)
	if _, end := s.Reserve(topic); end != nil {
		t.Error("a slot was given by a node without a registration")
	}
	m.out.Store(false)
	_, end := reserve(t, m, s, topic)
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(context.Background()) }()
	m.afterRounds(t, 2, nil)
	select {
	case err := <-drained:
		t.Fatalf("drained (%v) while an append is under way that may bring work", err)
	default:
	}
	end(nil, nil)
	must(t, <-drained)
	if _, end := s.Reserve(topic); end != nil {
		t.Error("a slot was given by a subscriber that drains")
	}
	s = subscriber(t, db, join(t, db), messaging.Config{Slots: 1, Ordered: true})
	subscribe(t, s, topic)
	if _, end := s.Reserve(topic); end != nil {
		t.Error("a slot was given where messages are kept in order")
	}
}

func testTakeFenced(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	subscribe(t, s, topic)
	l, end := reserve(t, m, s, topic)
	expire(t, db, m.Tenure)
	if _, held := commitStart(t, db, l); held {
		t.Error("a node whose registration has expired was given a lease")
	}
	end(nil, nil)
}

// testTakeOnItsWay: between the commit and the delivery, the row is one that nobody here
// works on.
func testTakeOnItsWay(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	s := subscriber(t, db, m, messaging.Config{Slots: 3}.WithAdoptAnyway(time.Millisecond))
	ch := subscribe(t, s, topic)
	l, end := reserve(t, m, s, topic)
	sent, _ := commitStart(t, db, l)
	looks := time.After(2500 * time.Millisecond) // a second is between two looks
	for done := false; !done; {
		select {
		case lost := <-ch:
			t.Fatalf("%s was taken for lost and delivered while it was on its way", lost.UUID)
		case <-looks:
			done = true
		}
	}
	end(sent, nil)
	msg := take(t, ch)
	m.afterRounds(t, 2, nil)
	none(t, ch)
	msg.Ack()
}

func testTakeDrains(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	ch := subscribe(t, s, topic)
	l, end := reserve(t, m, s, topic)
	sent, _ := commitStart(t, db, l)
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(context.Background()) }()
	m.afterRounds(t, 2, nil)
	end(sent, nil)
	msg := take(t, ch) // its step is recorded as started
	wantLease(t, msg, m.Tenure, 1, 0)
	msg.Ack()
	must(t, <-drained)
}

func testTakeTakenOver(t *testing.T, db *schema.DB) {
	m, heir, topic := join(t, db), join(t, db), name("topic")
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	ch := subscribe(t, s, topic)
	l, end := reserve(t, m, s, topic)
	sent, _ := commitStart(t, db, l)
	end(sent, nil)
	taken := take(t, ch)
	m.out.Store(true)
	expire(t, db, m.Tenure)
	again := take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic))
	wantLease(t, again, heir.Tenure, 2, 1)
	if again.UUID != sent.Message.UUID {
		t.Errorf("took over %s, want %s", again.UUID, sent.Message.UUID)
	}
	settleOf(t, db, taken, work.SettleDone, false)
}
