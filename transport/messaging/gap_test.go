package messaging_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
)

// TestSubscriber_gap is about transactions that take their positions before others and
// commit after them: a reader that went by the last position it saw would skip theirs.
func TestSubscriber_gap(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"of the same partition":    func(t *testing.T, db *schema.DB) { testGap(t, db, 1, 1) },
		"of another partition":     func(t *testing.T, db *schema.DB) { testGap(t, db, 1, 2) },
		"and back":                 func(t *testing.T, db *schema.DB) { testGap(t, db, 2, 1) },
		"rolled back":              testGapRolledBack,
		"open ones among many":     testGapRace,
		"does not stop the others": testGapOthers,
	})
}

// hold publishes within a transaction that stays open until commit is called.
func hold(t *testing.T, db *schema.DB, topic string, partition int, end error, payloads ...string) (commit func()) {
	t.Helper()
	placed, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var once sync.Once
		err := db.InTx(context.Background(), func(tx *schema.Tx) error {
			if err := place(context.Background(), tx, topic, partition, payloads...); err != nil {
				return err
			}
			once.Do(func() { close(placed) })
			<-release
			return end
		})
		if err != end { //nolint:errorlint // this very error
			t.Errorf("publish: %v", err)
		}
	}()
	commit = sync.OnceFunc(func() {
		close(release)
		wait(t, done, "the end of the transaction")
	})
	t.Cleanup(commit)
	wait(t, placed, "a message in an open transaction")
	return commit
}

// testGap holds a transaction open that has a position, while another publishes.
func testGap(t *testing.T, db *schema.DB, held, other int) {
	topic, m := name("topic"), join(t, db)
	ch := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 4}), topic)
	second := schematest.Again(t, db)
	commit := hold(t, schematest.Again(t, db), topic, held, nil, "held")
	later := make(chan struct{})
	go func() {
		defer close(later)
		placed(t, second, topic, other, "later") // waits, in the same partition, and on SQLite
	}()
	m.afterRounds(t, 3, nil)
	seen := map[string]*message.Message{}
	select {
	case msg := <-ch: // of another partition
		if msg.UUID == "held" || held == other {
			t.Fatalf("%s was delivered before it was committed, or out of order", msg.UUID)
		}
		seen[msg.UUID] = msg
	default:
	}
	commit()
	wait(t, later, "the other publisher")
	for len(seen) < 2 {
		msg := take(t, ch)
		seen[msg.UUID] = msg
	}
	if seen["held"] == nil || seen["later"] == nil {
		t.Fatalf("delivered: %v", seen)
	}
	if h, l := lease(seen["held"]), lease(seen["later"]); held == other && h.Position+1 != l.Position {
		t.Fatalf("positions %d and %d", h.Position, l.Position)
	}
}

// testGapOthers claims from one partition while a transaction is open in another. On
// SQLite, which has one writer, nothing can be claimed meanwhile.
func testGapOthers(t *testing.T, db *schema.DB) {
	if db.Dialect().Name() == "sqlite" {
		t.Skip("SQLite has one writer at a time")
	}
	topic, m := name("topic"), join(t, db)
	ch := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 4}), topic)
	commit := hold(t, schematest.Again(t, db), topic, 1, nil, "held")
	placed(t, db, topic, 2, "other")
	if msg := take(t, ch); msg.UUID != "other" {
		t.Fatalf("got %s", msg.UUID)
	}
	commit()
	if msg := take(t, ch); msg.UUID != "held" {
		t.Fatalf("got %s", msg.UUID)
	}
}

func testGapRolledBack(t *testing.T, db *schema.DB) {
	topic, m := name("topic"), join(t, db)
	ch := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 4}), topic)
	before := count(t, db, `SELECT head FROM heads WHERE partition = 3`)
	commit := hold(t, schematest.Again(t, db), topic, 3, fmt.Errorf("no"), "never")
	m.afterRounds(t, 2, nil)
	commit()
	placed(t, db, topic, 3, "next")
	msg := take(t, ch)
	if msg.UUID != "next" || lease(msg).Position != before+1 {
		t.Fatalf("got %s at position %d after %d", msg.UUID, lease(msg).Position, before)
	}
}

// testGapRace has publishers that hold their transactions open for a while, or roll them
// back, while a node claims all the time. Within a partition, one slot, messages must
// come in the order of their positions.
func testGapRace(t *testing.T, db *schema.DB) {
	const publishers, each, partitions = 3, 12, 2
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	topic, all := name("topic"), make(chan struct{})
	var expected, total atomic.Int64
	var last [partitions]atomic.Int64
	var publishing, handlers sync.WaitGroup
	expected.Store(publishers * each) // less what is rolled back
	rounds := 1
	if db.Dialect().Name() == "sqlite" {
		rounds = 0 // the one writer would wait for a round, and the round's claim for the writer
	}
	m := join(t, db)
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	handleAll(&handlers, subscribe(t, s, topic), func(msg *message.Message) {
		l := lease(msg)
		if before := last[l.Partition].Swap(l.Position); before >= l.Position {
			t.Errorf("partition %d: position %d came after %d", l.Partition, l.Position, before)
		}
		msg.Ack()
		if total.Add(1) == expected.Load() {
			close(all)
		}
	})
	for p := range publishers {
		handle, random := schematest.Again(t, db), rand.New(rand.NewPCG(seed, uint64(p)))
		publishing.Go(func() {
			for i := range each {
				var end error
				if random.IntN(4) == 0 && i < each-1 {
					end = fmt.Errorf("no")
					expected.Add(-1)
				}
				commit := hold(t, handle, topic, random.IntN(partitions), end, fmt.Sprintf("%d-%d", p, i))
				for range random.IntN(3) * rounds {
					wait(t, m.nextRound(), "a round")
				}
				commit()
			}
		})
	}
	publishing.Wait()
	wait(t, all, "every message")
	if got := count(t, db, `SELECT COUNT(*) FROM outbox WHERE topic = ?1`, topic); got != total.Load() {
		t.Fatalf("%d messages were published and %d delivered", got, total.Load())
	}
}
