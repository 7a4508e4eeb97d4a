package messaging_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

func TestLosses(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"one warning, with what was taken over":   testLossTold,
		"of a node without work":                  testLossIdle,
		"a node that was stopped is not lost":     testLossStopped,
		"each counts once, whoever takes it over": testLossOnce,
		"told of while it runs":                   testLossRun,
	})
}

// witness is a process that tells of lost nodes.
type witness struct {
	*member
	losses *inflight.Losses
	log    *logtest.Hook
}

func newWitness(t *testing.T, db *schema.DB) *witness {
	t.Helper()
	logger, hook := logtest.NewNullLogger()
	return &witness{join(t, db), inflight.NewLosses(db, inflight.LossesConfig{Logger: logrus.NewEntry(logger)}), hook}
}

// of are the lines about one registration. The database is shared with other tests.
func (w *witness) of(m *member) (lines []*logrus.Entry) {
	ended, end := context.WithCancel(context.Background())
	end()
	_ = w.losses.Run(ended) // says what was not said yet
	for _, e := range w.log.AllEntries() {
		if e.Data["lost_node"] == m.Node && e.Data["lost_epoch"] == m.Epoch {
			lines = append(lines, e)
		}
	}
	return lines
}

// wantLine fails unless the line has the level and so many orders.
func wantLine(t *testing.T, e *logrus.Entry, level logrus.Level, orders int) {
	t.Helper()
	if e.Level != level || e.Data["orders_taken_over"] != orders {
		t.Errorf("line %q at level %s with %v; want level %s and %d orders", e.Message, e.Level, e.Data, level, orders)
	}
}

func testLossTold(t *testing.T, db *schema.DB) {
	lost, w, topic := join(t, db), newWitness(t, db), name("topic")
	publish(t, db, nil, topic, numbered(5)...)
	ch := subscribe(t, subscriber(t, db, lost, messaging.Config{Slots: 5}), topic)
	for range 5 {
		take(t, ch)
	}
	before := time.Now().Add(-tooLate)
	expire(t, db, lost.Tenure)
	ch = subscribe(t, subscriber(t, db, w.member, messaging.Config{Slots: 3, Losses: w.losses}), topic)
	var held []*message.Message
	for range 3 {
		held = append(held, take(t, ch))
		if from := lease(held[len(held)-1]).From; from != (work.Owner{Node: lost.Node}) {
			t.Errorf("the lease says that it was taken over from %+v, want %s", from, lost.Node)
		}
	}
	lines := w.of(lost)
	if len(lines) != 1 {
		t.Fatalf("%d lines tell of the lost node, want 1", len(lines))
	}
	wantLine(t, lines[0], logrus.WarnLevel, 3)
	for _, field := range []string{"last_heartbeat", "expired_at"} {
		text, _ := lines[0].Data[field].(string)
		if at, err := time.Parse(time.RFC3339Nano, text); err != nil || at.Before(before) || at.Location() != time.UTC {
			t.Errorf("%s is %q, want a time of this test in UTC", field, text)
		}
	}
	if w.losses.Lost() != 1 || w.losses.TakeOvers() != 3 {
		t.Errorf("%d nodes lost, %d orders taken over; want 1 and 3", w.losses.Lost(), w.losses.TakeOvers())
	}
	for _, msg := range held {
		msg.Ack()
	}
	take(t, ch)
	take(t, ch)
	if lines = w.of(lost); len(lines) != 2 {
		t.Fatalf("%d lines tell of the lost node, want 2", len(lines))
	}
	wantLine(t, lines[1], logrus.InfoLevel, 5)
}

func testLossIdle(t *testing.T, db *schema.DB) {
	lost, alive, w := join(t, db), join(t, db), newWitness(t, db)
	must(t, w.losses.Look(t.Context()))
	if lines := w.of(lost); len(lines) != 0 {
		t.Fatalf("a node that lives is said to be lost: %v", lines[0].Message)
	}
	exec(t, db, `UPDATE nodes SET expires_at = `+db.Dialect().NowPlus("?3")+` WHERE node = ?1 AND epoch = ?2`, lost.Node, lost.Epoch, -2000)
	for range 2 {
		must(t, w.losses.Look(t.Context()))
	}
	lines := w.of(lost)
	if len(lines) != 1 {
		t.Fatalf("%d lines tell of the lost node, want 1", len(lines))
	}
	wantLine(t, lines[0], logrus.WarnLevel, 0)
	if got := nodeState(t, db, lost.Tenure); got != work.NodeLost {
		t.Errorf("the node that was lost has state %s", got)
	}
	if got := nodeState(t, db, alive.Tenure); got != work.NodeActive {
		t.Errorf("the node that lives has state %s", got)
	}
}

func testLossStopped(t *testing.T, db *schema.DB) {
	gone, w, topic := join(t, db), newWitness(t, db), name("topic")
	lone(t, db, gone, topic)
	must(t, inflight.NewNodes(db).Release(t.Context(), gone.Registration))
	msg := take(t, subscribe(t, subscriber(t, db, w.member, messaging.Config{Slots: 1, Losses: w.losses}), topic))
	if from := lease(msg).From; from != (work.Owner{Node: gone.Node, Stopped: true}) {
		t.Errorf("the lease says that it was taken over from %+v, want %s, stopped", from, gone.Node)
	}
	lines := w.of(gone)
	if len(lines) != 1 {
		t.Fatalf("%d lines tell of the take-over, want 1", len(lines))
	}
	wantLine(t, lines[0], logrus.InfoLevel, 1)
	if w.losses.Lost() != 0 || w.losses.TakeOvers() != 1 {
		t.Errorf("%d nodes lost, %d orders taken over; want 0 and 1", w.losses.Lost(), w.losses.TakeOvers())
	}
}

// testLossOnce has two processes share what one lost node had.
func testLossOnce(t *testing.T, db *schema.DB) {
	lost, topic := join(t, db), name("topic")
	publish(t, db, nil, topic, numbered(2)...)
	ch := subscribe(t, subscriber(t, db, lost, messaging.Config{Slots: 2}), topic)
	take(t, ch)
	take(t, ch)
	expire(t, db, lost.Tenure)
	first, second := newWitness(t, db), newWitness(t, db)
	for _, w := range []*witness{first, second} {
		take(t, subscribe(t, subscriber(t, db, w.member, messaging.Config{Slots: 1, Losses: w.losses}), topic))
		lines := w.of(lost)
		if len(lines) != 1 {
			t.Fatalf("%d lines tell of the lost node, want 1", len(lines))
		}
		wantLine(t, lines[0], logrus.WarnLevel, 1)
	}
	if first.losses.Lost() != 1 || second.losses.Lost() != 0 {
		t.Errorf("it was counted %d and %d times, want once", first.losses.Lost(), second.losses.Lost())
	}
}

// testLossRun: what is found is said within a moment, and at the end.
func testLossRun(t *testing.T, db *schema.DB) {
	lost := join(t, db)
	exec(t, db, `UPDATE nodes SET expires_at = `+db.Dialect().NowPlus("?3")+` WHERE node = ?1 AND epoch = ?2`, lost.Node, lost.Epoch, -2000)
	logger, hook := logtest.NewNullLogger()
	said := make(chan struct{})
	logger.AddHook(&told{lost.Node, func() { close(said) }})
	losses := inflight.NewLosses(db, inflight.LossesConfig{Every: time.Millisecond, Logger: logrus.NewEntry(logger)})
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- losses.Run(ctx) }()
	wait(t, said, "the warning")
	end()
	must(t, <-ended)
	if e := hook.LastEntry(); e.Level != logrus.WarnLevel {
		t.Errorf("the line %q is at level %s", e.Message, e.Level)
	}
}

// told is a hook for the one line about a lost node.
type told struct {
	node string
	f    func()
}

func (*told) Levels() []logrus.Level { return logrus.AllLevels }

func (h *told) Fire(e *logrus.Entry) error {
	if e.Data["lost_node"] == h.node {
		h.f()
	}
	return nil
}
