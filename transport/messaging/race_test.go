package messaging_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
)

func TestSubscriber_race(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"several nodes, each message once": testNodesRace,
		"one in flight when ordered":       testOrderedRace,
		"no wake-up is lost":               testWakeUps,
	})
}

// handleAll handles what comes over ch until the test ends.
func handleAll(wg *sync.WaitGroup, ch <-chan *message.Message, handle func(*message.Message)) {
	wg.Go(func() {
		for m := range ch {
			wg.Go(func() { handle(m) })
		}
	})
}

// testNodesRace has four nodes of two processes claim while messages are still being
// published to all partitions.
func testNodesRace(t *testing.T, db *schema.DB) {
	const nodes, partitions, batches, size = 4, 4, 6, 20
	topic, all := name("topic"), make(chan struct{})
	var seen sync.Map
	var total atomic.Int64
	var handlers, publishers sync.WaitGroup
	handles := []*schema.DB{db, schematest.Again(t, db)}
	var subs []*messaging.Subscriber
	for i := range nodes {
		s := subscriber(t, handles[i%2], join(t, db), messaging.Config{Slots: 3 + i})
		subs = append(subs, s)
		handleAll(&handlers, subscribe(t, s, topic), func(m *message.Message) {
			if earlier, twice := seen.LoadOrStore(string(m.Payload), lease(m).Node); twice {
				t.Errorf("message %s was delivered to %v and to %s", m.Payload, earlier, lease(m).Node)
			}
			if l := lease(m); l.Attempt != 1 || l.Interruptions != 0 {
				t.Errorf("message %s is at attempt %d with %d interruptions", m.Payload, l.Attempt, l.Interruptions)
			}
			m.Ack()
			if total.Add(1) == partitions*batches*size {
				close(all)
			}
		})
	}
	for p := range partitions {
		publishers.Go(func() {
			for b := range batches {
				var uuids []string
				for i := range size {
					uuids = append(uuids, fmt.Sprintf("%d-%d-%d", p, b, i))
				}
				placed(t, handles[p%2], topic, p, uuids...)
			}
		})
	}
	publishers.Wait()
	wait(t, all, "every message")
	for _, s := range subs {
		must(t, s.Close())
	}
	handlers.Wait()
	if left := inFlight(t, db, topic); len(left) > 0 {
		t.Fatalf("still in flight after every message was acked: %v", left)
	}
}

// testOrderedRace has two nodes race for a topic with messages in several partitions.
// Each handler gives the other node time for a round, in which it could claim.
func testOrderedRace(t *testing.T, db *schema.DB) {
	const partitions, size = 4, 8
	topic, all := name("topic"), make(chan struct{})
	var running, total atomic.Int64
	var handlers sync.WaitGroup
	for p := range partitions {
		placed(t, db, topic, p, numbered(size)...)
	}
	last := make([]atomic.Int64, partitions)
	handles, members := []*schema.DB{db, schematest.Again(t, db)}, []*member{join(t, db), join(t, db)}
	for i, handle := range handles {
		s := subscriber(t, handle, members[i], messaging.Config{Slots: 1, Ordered: true, IdlePoll: time.Millisecond})
		other := members[1-i]
		handleAll(&handlers, subscribe(t, s, topic), func(m *message.Message) {
			if n := running.Add(1); n != 1 {
				t.Errorf("%d messages of an ordered topic are being handled at once", n)
			}
			for range 2 {
				select {
				case <-other.nextRound():
				case <-time.After(patience):
					t.Error("the other node does not come round")
				}
			}
			if n := len(inFlight(t, db, topic)); n != 1 {
				t.Errorf("%d messages of an ordered topic are in flight", n)
			}
			l := lease(m)
			if before := last[l.Partition].Swap(l.Position); before >= l.Position {
				t.Errorf("position %d came after %d", l.Position, before)
			}
			running.Add(-1)
			m.Ack()
			if total.Add(1) == partitions*size {
				close(all)
			}
		})
	}
	wait(t, all, "every message")
}

// testWakeUps lets nothing but wake-ups bring the subscriber on: one that is lost costs a
// minute, which the test does not have.
func testWakeUps(t *testing.T, db *schema.DB) {
	const messages = 150
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	topic, bell, all := name("topic"), &messaging.Bell{}, make(chan struct{})
	var total atomic.Int64
	var handlers sync.WaitGroup
	s := subscriber(t, db, join(t, db), messaging.Config{Slots: 3, Bell: bell, IdlePoll: tooLate}.WithFirstPause(tooLate))
	handleAll(&handlers, subscribe(t, s, topic), func(m *message.Message) {
		if lease(m).Position%3 == 0 {
			settleOf(t, db, m, work.SettleDone, true) // as an append does
		}
		m.Ack()
		if total.Add(1) == messages {
			close(all)
		}
	})
	random := rand.New(rand.NewPCG(seed, 1))
	for sent := 0; sent < messages; {
		n := min(1+random.IntN(5), messages-sent)
		publish(t, db, bell, topic, numbered(n)...)
		sent += n
	}
	wait(t, all, "every message")
}
