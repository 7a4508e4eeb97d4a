package messaging_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/schema"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

func TestSubscriber_Drain(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"hands back what was not delivered": testDrainHandsBack,
		"waits for running handlers":        testDrainWaits,
		"in the middle of a claim":          testDrainDuringClaim,
		"in the middle of a take-over":      testDrainDuringTakeOver,
		"claims nothing more":               testDrainClaims,
		"with nothing to do":                testDrainIdle,
		"gives up with its context":         testDrainGivesUp,
	})
}

func TestSubscriber_Close(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"a stuck handler keeps its lease":     testCloseStuck,
		"waits for handlers that stop":        testCloseWaits,
		"lets a claim finish":                 testCloseDuringClaim,
		"refuses what comes later, and twice": testClosed,
		"leaves no goroutine":                 testCloseGoroutines,
	})
}

func testDrainHandsBack(t *testing.T, db *schema.DB) {
	m, heir, topic := join(t, db), join(t, db), name("topic")
	publish(t, db, nil, topic, "delivered", "a", "b")
	s := subscriber(t, db, m, messaging.Config{Slots: 3})
	delivered := take(t, subscribe(t, s, topic))
	m.afterRounds(t, 1, nil)
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(context.Background()) }()
	ch := subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 2}), topic)
	for range 2 {
		msg := take(t, ch)
		if msg.UUID == delivered.UUID {
			t.Fatal("the message that is being handled was handed on")
		}
		wantLease(t, msg, heir.Tenure, 2, 0)
	}
	delivered.Ack()
	must(t, <-drained)
	for _, r := range inFlight(t, db, topic) {
		if r.node == m.Node {
			t.Fatalf("the node is drained and holds %+v", r)
		}
	}
}

// testDrainDuringTakeOver has draining begin in the first of the transactions that take messages over. What was taken
// over is given back, and no more is taken over.
func testDrainDuringTakeOver(t *testing.T, db *schema.DB) {
	const messages = 40
	topic := name("topic")
	lost := heldBy(t, db, topic, messages)
	s := subscriber(t, db, join(t, db), messaging.Config{Slots: messages})
	over, end := context.WithCancel(t.Context())
	end()
	s.WrapInTx(func(inTx messaging.InTx) messaging.InTx {
		return func(ctx context.Context, f func(*schema.Tx) error) error {
			_ = s.Drain(over) // begins, and does not wait
			return inTx(ctx, f)
		}
	})
	expire(t, db, lost.Tenure)
	subscribe(t, s, topic)
	wait(t, s.Draining(), "the take-over")
	must(t, s.Drain(t.Context()))
	left, back := 0, 0
	for _, r := range inFlight(t, db, topic) {
		switch r.node {
		case lost.Node:
			left++
		case "":
			back++
		}
	}
	if left == 0 || back == 0 || left+back != messages {
		t.Errorf("%d messages are the lost node's and %d were given back, of %d", left, back, messages)
	}
}

func testDrainWaits(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "work")
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	msg := take(t, subscribe(t, s, topic))
	drained := make(chan error, 2)
	for range 2 { // twice is as good
		go func() { drained <- s.Drain(context.Background()) }()
	}
	m.afterRounds(t, 2, nil)
	select {
	case err := <-drained:
		t.Fatalf("drained (%v) while a handler runs", err)
	default:
	}
	if err := msg.Context().Err(); err != nil {
		t.Fatalf("draining ended the handler's context: %v", err)
	}
	msg.Ack()
	must(t, <-drained)
	must(t, <-drained)
	if rows := inFlight(t, db, topic); len(rows) != 0 {
		t.Fatalf("drained, and the ack has not been stored: %+v", rows)
	}
	must(t, s.Close())
}

// testDrainDuringClaim begins to drain when the round under way has committed its claim
// and not begun to deliver.
func testDrainDuringClaim(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, "work")
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	drained := make(chan error, 1)
	var once sync.Once
	s.WrapInTx(func(inTx messaging.InTx) messaging.InTx {
		return func(ctx context.Context, f func(*schema.Tx) error) error {
			err := inTx(ctx, f)
			once.Do(func() {
				ctx, cancel := context.WithCancel(context.Background())
				cancel() // so that it begins, and does not wait
				if derr := s.Drain(ctx); derr == nil {
					t.Error("drained in the middle of a claim")
				}
				go func() { drained <- s.Drain(context.Background()) }()
			})
			return err
		}
	})
	ch := subscribe(t, s, topic)
	must(t, <-drained)
	none(t, ch)
	if rows := inFlight(t, db, topic); len(rows) != 1 || rows[0].node != "" || rows[0].interruptions != 0 {
		t.Fatalf("drained, and in flight is %+v; want the message to be nobody's", rows)
	}
}

func testDrainClaims(t *testing.T, db *schema.DB) {
	m, topic, bell := join(t, db), name("topic"), &messaging.Bell{}
	s := subscriber(t, db, m, messaging.Config{Slots: 2, Bell: bell})
	ch := subscribe(t, s, topic)
	must(t, s.Drain(t.Context()))
	publish(t, db, bell, topic, "work")
	m.afterRounds(t, 3, func() { bell.Ring(topic) })
	none(t, ch)
	if rows := inFlight(t, db, topic); len(rows) != 0 {
		t.Fatalf("claimed while draining: %+v", rows)
	}
}

func testDrainIdle(t *testing.T, db *schema.DB) {
	never := subscriber(t, db, join(t, db), messaging.Config{})
	must(t, never.Drain(t.Context()))
	must(t, never.Drain(t.Context()))
	must(t, never.Close())
	must(t, never.Drain(t.Context()))
	idle := subscriber(t, db, join(t, db), messaging.Config{})
	subscribe(t, idle, name("topic"))
	must(t, idle.Drain(t.Context()))
	must(t, idle.Close())
}

func testDrainGivesUp(t *testing.T, db *schema.DB) {
	topic, stop := name("topic"), errors.New("enough")
	publish(t, db, nil, topic, "work")
	s := subscriber(t, db, join(t, db), messaging.Config{Slots: 1})
	take(t, subscribe(t, s, topic))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if err := s.Drain(ctx); !errors.Is(err, stop) || !strings.Contains(err.Error(), "1 messages") {
		t.Fatalf("err = %v, want the cause and the number of messages", err)
	}
	must(t, s.Close())
	if err := s.Drain(t.Context()); !errors.Is(err, messaging.ErrClosed) {
		t.Fatalf("err = %v, want ErrClosed", err)
	}
}

func testCloseStuck(t *testing.T, db *schema.DB) {
	m, heir, topic := join(t, db), join(t, db), name("topic")
	publish(t, db, nil, topic, "work")
	s := subscriber(t, db, m, messaging.Config{Slots: 1})
	msg := take(t, subscribe(t, s, topic))
	must(t, s.Close())
	if msg.Context().Err() == nil {
		t.Fatal("the handler's context goes on")
	}
	ch := subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic)
	msg.Ack() // too late
	heir.afterRounds(t, 2, nil)
	none(t, ch)
	if rows := inFlight(t, db, topic); len(rows) != 1 || rows[0].node != m.Node {
		t.Fatalf("in flight: %+v; want the stuck handler's lease", rows)
	}
	must(t, inflight.NewNodes(db).Release(t.Context(), m.Registration))
	wantLease(t, take(t, ch), heir.Tenure, 2, 1)
}

func testCloseWaits(t *testing.T, db *schema.DB) {
	topic := name("topic")
	publish(t, db, nil, topic, "acked", "nacked")
	s := subscriber(t, db, join(t, db), messaging.Config{Slots: 2, CloseWait: patience})
	ch := subscribe(t, s, topic)
	for range 2 {
		msg := take(t, ch)
		go func() {
			<-msg.Context().Done()
			if msg.UUID == "acked" {
				msg.Ack()
			} else {
				msg.Nack()
			}
		}()
	}
	must(t, s.Close())
	if rows := inFlight(t, db, topic); len(rows) != 1 || rows[0].uuid != "nacked" || rows[0].node != "" {
		t.Fatalf("in flight after Close: %+v; want only what was nacked, given back", rows)
	}
}

// testCloseDuringClaim closes while a claim is about to be committed.
func testCloseDuringClaim(t *testing.T, db *schema.DB) {
	topic, claiming, begun := name("topic"), make(chan struct{}), make(chan struct{})
	publish(t, db, nil, topic, "work")
	s := subscriber(t, db, join(t, db), messaging.Config{Slots: 1})
	var once sync.Once
	s.WrapInTx(func(inTx messaging.InTx) messaging.InTx {
		return func(ctx context.Context, f func(*schema.Tx) error) error {
			once.Do(func() {
				close(claiming)
				wait(t, begun, "Close to begin")
				if err := ctx.Err(); err != nil {
					t.Errorf("Close cut a transaction short: %v", err)
				}
			})
			return inTx(ctx, f)
		}
	})
	out, err := s.Subscribe(t.Context(), topic)
	must(t, err)
	go func() {
		for range out { // until it is closed
		}
		close(begun)
	}()
	wait(t, claiming, "a claim")
	must(t, s.Close())
	if rows := inFlight(t, db, topic); len(rows) != 1 || rows[0].node != "" {
		t.Fatalf("in flight after Close: %+v; want the claim to be given back", rows)
	}
}

func testClosed(t *testing.T, db *schema.DB) {
	s := subscriber(t, db, join(t, db), messaging.Config{})
	ch := subscribe(t, s, name("topic"))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { must(t, s.Close()) })
	}
	wg.Wait()
	if _, open := <-ch; open {
		t.Fatal("a message from a closed subscriber")
	}
	for _, topic := range []string{name("new"), name("new")} {
		if _, err := s.Subscribe(t.Context(), topic); !errors.Is(err, messaging.ErrClosed) {
			t.Fatalf("err = %v, want ErrClosed", err)
		}
	}
	must(t, subscriber(t, db, join(t, db), messaging.Config{}).Close())
}

// ours is how many goroutines run code of this package's subscribers.
func ours() (n int) {
	stacks := make([]byte, 1<<20)
	for _, g := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(g, "messaging.(*Subscriber)") {
			n++
		}
	}
	return n
}

func testCloseGoroutines(t *testing.T, db *schema.DB) {
	topic := name("topic")
	publish(t, db, nil, topic, numbered(10)...)
	before := ours()
	for range 3 {
		s := subscriber(t, db, join(t, db), messaging.Config{Slots: 8, Bell: &messaging.Bell{}})
		ch := subscribe(t, s, topic)
		take(t, ch).Ack()
		take(t, ch).Nack()
		stuck := take(t, ch)
		if ours() <= before {
			t.Fatal("the goroutines of a subscriber are not found")
		}
		must(t, s.Close())
		exec(t, db, `UPDATE inflight SET node = '', epoch = 0 WHERE topic = ?1`, topic)
		runtime.KeepAlive(stuck)
	}
	for deadline := time.Now().Add(patience); ours() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after Close", before, ours())
		}
	}
}
