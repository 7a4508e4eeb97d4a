package messaging_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
)

func TestSubscriber_claim(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"never more than the free slots":   testFreeSlots,
		"no poll without a free slot":      testNoPoll,
		"an idle subscriber polls rarely":  testIdle,
		"the bell wakes at once":           testBell,
		"first topics first":               testTopicOrder,
		"returned messages before new":     testReturnedFirst,
		"handed back":                      testHandedBack,
		"partitions take turns":            testTurns,
		"one of all partitions in order":   testOrderedPartitions,
		"each group gets every message":    testGroups,
		"subscriptions share a topic":      testShared,
		"payload and metadata are carried": testCarried,
	})
}

func testFreeSlots(t *testing.T, db *schema.DB) {
	const slots, messages = 3, 12
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, numbered(messages)...)
	s := subscriber(t, db, m, messaging.Config{Slots: slots}.WithFirstPause(time.Millisecond))
	ch := subscribe(t, s, topic)
	var held []*message.Message
	for range slots {
		held = append(held, take(t, ch))
	}
	for range messages - slots {
		m.afterRounds(t, 2, nil)
		none(t, ch)
		if n := len(inFlight(t, db, topic)); n != slots || s.Busy() != slots {
			t.Fatalf("%d messages are in flight and %d slots in use, want %d", n, s.Busy(), slots)
		}
		held[0].Ack()
		held = append(held[1:], take(t, ch))
	}
}

func testNoPoll(t *testing.T, db *schema.DB) {
	m, topic, bell := join(t, db), name("topic"), &messaging.Bell{}
	publish(t, db, nil, topic, "first", "second")
	ch := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 1, Bell: bell}), topic)
	first := take(t, ch)
	m.afterRounds(t, 1, nil) // the one that claimed has ended
	before := db.Stats()
	m.afterRounds(t, 10, func() { bell.Ring(topic) })
	if after := db.Stats(); after != before {
		t.Fatalf("without a free slot the subscriber went from %+v to %+v", before, after)
	}
	first.Ack()
	take(t, ch)
}

// testIdle bounds the cost by signals: rounds take a statement each and no transaction,
// and are at least IdlePoll apart.
func testIdle(t *testing.T, db *schema.DB) {
	const rounds, poll = 8, 25 * time.Millisecond
	m := join(t, db)
	subscribe(t, subscriber(t, db, m, messaging.Config{IdlePoll: poll}.WithFirstPause(poll)), name("topic"))
	wait(t, m.nextRound(), "the first round")
	wait(t, m.nextRound(), "the second round")
	before, round, began := db.Stats(), m.rounds.Load(), time.Now()
	for range rounds {
		wait(t, m.nextRound(), "a round")
	}
	after, n, took := db.Stats(), m.rounds.Load()-round, time.Since(began)
	if s := after.Statements - before.Statements; s < n-1 || s > n+1 || after.Transactions != before.Transactions {
		t.Errorf("%d rounds took %d statements and %d transactions, want one statement each and none",
			n, s, after.Transactions-before.Transactions)
	}
	if took < time.Duration(n-1)*poll {
		t.Errorf("%d idle rounds in %s, want %s between them", n, took, poll)
	}
}

func testBell(t *testing.T, db *schema.DB) {
	m, topic, bell := join(t, db), name("topic"), &messaging.Bell{}
	s := subscriber(t, db, m, messaging.Config{Slots: 1, IdlePoll: tooLate, Bell: bell}.WithFirstPause(tooLate))
	first := m.nextRound()
	ch := subscribe(t, s, topic)
	wait(t, first, "the first round")
	for _, uuid := range []string{"a", "b", "c"} {
		publish(t, db, bell, topic, uuid)
		msg := take(t, ch)
		if msg.UUID != uuid {
			t.Fatalf("message %s came, want %s", msg.UUID, uuid)
		}
		msg.Ack()
	}
	t.Run("a freed slot too", func(t *testing.T) {
		publish(t, db, bell, topic, "d", "e", "f")
		for range 3 {
			take(t, ch).Ack()
		}
	})
	t.Run("not by other topics", func(t *testing.T) {
		next := m.nextRound()
		for quiet := false; !quiet; { // until what the last ack brought about has ended
			select {
			case <-next:
				next = m.nextRound()
			case <-time.After(100 * time.Millisecond):
				quiet = true
			}
		}
		bell.Ring(name("other"))
		select {
		case <-next:
			t.Fatal("a round for a topic that is not subscribed to")
		case <-time.After(100 * time.Millisecond): // nothing signals that nobody was woken
		}
	})
}

// waiting subscribes to topics while the node has no tenure; begin gives it one.
func waiting(t *testing.T, db *schema.DB, c messaging.Config, topics ...string) (begin func(), all <-chan *message.Message) {
	t.Helper()
	m, merged := join(t, db), make(chan *message.Message)
	m.out.Store(true)
	c.Bell = &messaging.Bell{}
	s := subscriber(t, db, m, c)
	for _, topic := range topics {
		ch := subscribe(t, s, topic)
		go func() {
			for msg := range ch {
				merged <- msg
			}
		}()
	}
	m.afterRounds(t, 1, func() { c.Bell.Ring(topics...) })
	none(t, merged)
	return func() { m.out.Store(false); c.Bell.Ring(topics...) }, merged
}

func testTopicOrder(t *testing.T, db *schema.DB) {
	topics := work.Topics()
	for i := len(topics) - 1; i >= 0; i-- {
		publish(t, db, nil, topics[i], topics[i]+"-1", topics[i]+"-2")
	}
	shuffled := append([]string{"unranked"}, topics...)
	slices.Sort(shuffled)
	publish(t, db, nil, "unranked", "unranked-1", "unranked-2")
	begin, all := waiting(t, db, messaging.Config{Group: name("group"), Slots: 1}, shuffled...)
	begin()
	for _, topic := range append(topics, "unranked") {
		for _, uuid := range []string{topic + "-1", topic + "-2"} {
			msg := take(t, all)
			if msg.UUID != uuid {
				t.Fatalf("%s was claimed when it was the turn of %s", msg.UUID, uuid)
			}
			msg.Ack()
		}
	}
}

func testReturnedFirst(t *testing.T, db *schema.DB) {
	early, late := name("early"), name("late")
	publish(t, db, nil, late, "interrupted")
	begin, all := waiting(t, db, messaging.Config{Slots: 1, Topics: []string{early, late}}, early, late)
	begin()
	msg := take(t, all)
	publish(t, db, nil, early, "new")
	settleOf(t, db, msg, work.SettleReturn, true)
	msg.Ack()
	for _, want := range []string{"interrupted", "new"} {
		msg := take(t, all)
		if msg.UUID != want {
			t.Fatalf("the %s message was claimed first", msg.UUID)
		}
		msg.Ack()
	}
}

// testHandedBack: what a node that stops hands back is claimed at once and was not interrupted.
func testHandedBack(t *testing.T, db *schema.DB) {
	topic := name("topic")
	publish(t, db, nil, topic, "cut short")
	ch := subscribe(t, subscriber(t, db, join(t, db), messaging.Config{Slots: 1}), topic)
	msg := take(t, ch)
	settleOf(t, db, msg, work.SettleHandBack, true)
	settleOf(t, db, msg, work.SettleHandBack, false)
	msg.Ack()
	if l := lease(take(t, ch)); l.Attempt != 2 || l.Interruptions != 0 || l.From != (work.Owner{}) {
		t.Errorf("the lease is %+v; want attempt 2, no interruption, taken over from nobody", l)
	}
}

func testTurns(t *testing.T, db *schema.DB) {
	const partitions, rounds = 4, 3
	topic, seen := name("topic"), map[int]int{}
	for p := range partitions {
		placed(t, db, topic, p, numbered(10)...)
	}
	ch := subscribe(t, subscriber(t, db, join(t, db), messaging.Config{Slots: 1}), topic)
	for range partitions * rounds {
		msg := take(t, ch)
		seen[lease(msg).Partition]++
		msg.Ack()
	}
	for p := range partitions {
		if seen[p] != rounds {
			t.Fatalf("%d messages were claimed by partition like this: %v; want %d of each", partitions*rounds, seen, rounds)
		}
	}
}

// testOrderedPartitions: where messages are kept in order, one of a topic is in flight in the whole group, from whichever
// partition it is.
func testOrderedPartitions(t *testing.T, db *schema.DB) {
	const partitions, each, nodes = 4, 3, 3
	topic := name("topic")
	for p := range partitions {
		placed(t, db, topic, p, numbered(each)...)
	}
	merged := make(chan *message.Message)
	for range nodes {
		ch := subscribe(t, subscriber(t, schematest.Again(t, db), join(t, db), messaging.Config{Slots: 1, Ordered: true, IdlePoll: time.Millisecond}), topic)
		go func() {
			for msg := range ch {
				merged <- msg
			}
		}()
	}
	for range partitions * each {
		msg := take(t, merged)
		if rows := inFlight(t, db, topic); len(rows) != 1 {
			t.Errorf("%d messages are in flight: %+v", len(rows), rows)
		}
		msg.Ack()
	}
}

func testGroups(t *testing.T, db *schema.DB) {
	topic, groups := name("topic"), []string{name("group"), name("group")}
	publish(t, db, nil, topic, "a", "b")
	var subs []*messaging.Subscriber
	for _, group := range groups {
		subs = append(subs, subscriber(t, db, join(t, db), messaging.Config{Group: group, Slots: 1}))
		must(t, subs[len(subs)-1].SubscribeInitialize(topic))
	}
	for i, group := range groups {
		ch := subscribe(t, subs[i], topic)
		for _, want := range []string{"a", "b"} {
			msg := take(t, ch)
			if msg.UUID != want || lease(msg).Group != group {
				t.Fatalf("group %s got %s of group %s, want %s", group, msg.UUID, lease(msg).Group, want)
			}
			msg.Ack()
		}
	}
}

func testShared(t *testing.T, db *schema.DB) {
	topic := name("topic")
	s := subscriber(t, db, join(t, db), messaging.Config{Slots: 2})
	one, two := subscribe(t, s, topic), subscribe(t, s, topic)
	publish(t, db, nil, topic, "a", "b")
	if a, b := take(t, one).UUID, take(t, two).UUID; a == b {
		t.Fatalf("both subscriptions got %s", a)
	}
}

func testCarried(t *testing.T, db *schema.DB) {
	topic := name("topic")
	sent := message.NewMessage("Größe 大 🐟", []byte{0, 1, 0xff, 0xfe, '\'', 0x80})
	sent.Metadata = message.Metadata{"ключ": "värde \" \\ \x01 🐟", "empty": "", work.MetadataCorrelation: "c"}
	blank := message.NewMessage("", nil)
	must(t, messaging.NewPublisher(db, nil, nil).Publish(topic, sent, blank))
	ch := subscribe(t, subscriber(t, db, join(t, db), messaging.Config{Slots: 1}), topic)
	for _, want := range []*message.Message{sent, blank} {
		got := take(t, ch)
		if !got.Equals(want) {
			t.Fatalf("sent %q %q %v, got %q %q %v", want.UUID, want.Payload, want.Metadata, got.UUID, got.Payload, got.Metadata)
		}
		got.Ack()
	}
}
