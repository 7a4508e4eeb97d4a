package messaging_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

func TestLeases_Settle(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"a lease that was taken over is not held":    testSettleLost,
		"an append under a lost lease keeps nothing": testAppendLost,
		"keep":                       testSettleKeep,
		"keep locks out a take-over": testSettleKeepLocks,
		"done":                       testSettleDone,
		"return":                     testSettleReturn,
		"release":                    testSettleRelease,
		"park":                       testSettlePark,
		"unknown":                    testSettleUnknown,
		"an end that comes too late is told of with its order": testEndedTold,
	})
}

func testSettleLost(t *testing.T, db *schema.DB) {
	lost, heir, topic := join(t, db), join(t, db), name("topic")
	old := lease(lone(t, db, lost, topic))
	expire(t, db, lost.Tenure)
	now := lease(take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic)))
	for _, how := range []work.Settlement{work.SettleKeep, work.SettleDone, work.SettleReturn, work.SettleRelease, work.SettlePark} {
		settle(t, db, old, how, false)
	}
	for what, forged := range map[string]func(*work.Lease){
		"node":    func(l *work.Lease) { l.Node = lost.Node },
		"epoch":   func(l *work.Lease) { l.Epoch++ },
		"attempt": func(l *work.Lease) { l.Attempt-- },
		"group":   func(l *work.Lease) { l.Group = "other" },
		"message": func(l *work.Lease) { l.Position++ },
		"row":     func(l *work.Lease) { l.FirstPosition-- },
		"topic":   func(l *work.Lease) { l.FirstTopic = "other" },
	} {
		l := now
		forged(&l)
		for _, how := range []work.Settlement{work.SettleKeep, work.SettleDone, work.SettlePass} {
			t.Run("another "+what, func(t *testing.T) { settle(t, db, l, how, false) })
		}
	}
	settle(t, db, now, work.SettleKeep, true)
	if n := count(t, db, `SELECT COUNT(*) FROM dead_letters WHERE topic = ?1`, topic); n != 0 {
		t.Errorf("a lost lease parked %d messages", n)
	}
}

// order appends a placed order whose message goes to its first step's topic, and has a
// node claim that message.
func order(t *testing.T, db *schema.DB, m *member, group string) (store *eventstore.Store, id domain.OrderID, l work.Lease) {
	t.Helper()
	store, err := eventstore.Open(t.Context(), db, eventstore.Config{
		Outbox: messaging.NewOutbox(nil, watermill.NopLogger{}), Leases: inflight.Leases{},
	})
	must(t, err)
	copy(id[:], name("an order id"))
	place, err := work.Prepare(&domain.Order{ID: id}, domain.Metadata{CorrelationID: "c"}, domain.Place{})
	must(t, err)
	_, err = store.Append(t.Context(), place)
	must(t, err)
	ch := subscribe(t, subscriber(t, db, m, messaging.Config{Group: group, Slots: 1}), work.StepTopic(domain.Scheduling))
	for {
		msg := take(t, ch)
		if got, err := work.DecodePayload(msg.Payload); err != nil || got == id {
			must(t, err)
			return store, id, lease(msg)
		}
		msg.Ack() // another test's order
	}
}

func testAppendLost(t *testing.T, db *schema.DB) {
	lost, heir, group := join(t, db), join(t, db), name("group")
	store, id, l := order(t, db, lost, group)
	started := work.Unit{OrderID: id, Expected: 1, Lease: l, Events: []domain.Event{domain.StepStarted{Step: domain.Scheduling, Attempt: 1, Node: lost.Node}}}
	_, err := store.Append(t.Context(), started)
	must(t, err)
	expire(t, db, lost.Tenure)
	next := take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Group: group, Slots: 1}), work.StepTopic(domain.Scheduling)))

	before := [...]int64{count(t, db, `SELECT SUM(head) FROM heads`), count(t, db, `SELECT COUNT(*) FROM events`), count(t, db, `SELECT COUNT(*) FROM outbox`)}
	completed := work.Unit{
		OrderID: id, Expected: 2, Lease: l, Settle: work.SettleDone,
		Events:   []domain.Event{domain.StepCompleted{Step: domain.Scheduling, Attempt: 1, Node: lost.Node}},
		Messages: []work.Message{{Topic: work.StepTopic(domain.PreProcessing), UUID: "follow-up", Payload: []byte("{}")}},
	}
	if _, err = store.Append(t.Context(), completed); !errors.Is(err, domain.ErrFenced) {
		t.Fatalf("an append under a lost lease: err = %v, want ErrFenced", err)
	}
	after := [...]int64{count(t, db, `SELECT SUM(head) FROM heads`), count(t, db, `SELECT COUNT(*) FROM events`), count(t, db, `SELECT COUNT(*) FROM outbox`)}
	if before != after {
		t.Errorf("positions, events, messages were %v and are %v", before, after)
	}
	completed.Lease = lease(next)
	_, err = store.Append(t.Context(), completed)
	must(t, err)
}

func testSettleKeep(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	l := lease(lone(t, db, m, topic))
	before := inFlight(t, db, topic)[0]
	for range 3 {
		settle(t, db, l, work.SettleKeep, true)
		after := inFlight(t, db, topic)[0]
		if changed := after.available != before.available; changed == db.Dialect().OneWriter() {
			t.Error("a lease that is kept has a row that is not locked for certain: nothing of it changes")
		}
		before.available = after.available
		if after != before {
			t.Fatalf("in flight was %+v, is %+v", before, after)
		}
	}
}

// testSettleKeepLocks keeps the lease of an expired node in a transaction that is still
// open when another node tries to take the message over.
func testSettleKeepLocks(t *testing.T, db *schema.DB) {
	lost, heir, topic := join(t, db), join(t, db), name("topic")
	l := lease(lone(t, db, lost, topic))
	expire(t, db, lost.Tenure)
	other := schematest.Again(t, db)
	heir.out.Store(true)
	ch := subscribe(t, subscriber(t, other, heir, messaging.Config{Slots: 1}), topic)
	var committing atomic.Bool
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
		held, err := settleIn(tx, inflight.Leases{}, work.SettleRequest{Lease: l})
		if err != nil || !held {
			t.Errorf("held %v, err %v", held, err)
		}
		heir.out.Store(false)
		wait(t, heir.nextRound(), "a round") // it looks, and waits for the row
		select {
		case <-ch:
			t.Error("a message was taken over while its lease was being kept")
		case <-time.After(50 * time.Millisecond): // nothing signals that somebody waits for a lock
		}
		committing.Store(true)
		return nil
	}))
	wantLease(t, take(t, ch), heir.Tenure, 2, 1)
	if !committing.Load() {
		t.Error("taken over before the transaction ended")
	}
}

func testSettleDone(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	l := lease(lone(t, db, m, topic))
	settle(t, db, l, work.SettleDone, true)
	settle(t, db, l, work.SettleDone, false)
	if rows := inFlight(t, db, topic); len(rows) != 0 {
		t.Fatalf("in flight: %+v", rows)
	}
}

func testSettleReturn(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	l := lease(lone(t, db, m, topic))
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
		held, err := settleIn(tx, inflight.Leases{ReturnDelay: time.Hour}, work.SettleRequest{Lease: l, Settle: work.SettleReturn})
		if err == nil && !held {
			t.Error("the lease is not held")
		}
		return err
	}))
	settle(t, db, l, work.SettleReturn, false)
	rows := inFlight(t, db, topic)
	if len(rows) != 1 || rows[0].node != "" || rows[0].attempt != 1 || rows[0].interruptions != 1 {
		t.Fatalf("in flight: %+v; want one that is nobody's, with an interruption", rows)
	}
	if wait := time.Until(rows[0].available.Time); wait < 59*time.Minute || wait > 61*time.Minute {
		t.Errorf("it can be claimed in %s, want an hour", wait)
	}
	heir := join(t, db)
	ch := subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic)
	heir.afterRounds(t, 2, nil)
	none(t, ch)
	exec(t, db, `UPDATE inflight SET available_at = claimed_at WHERE topic = ?1`, topic)
	wantLease(t, take(t, ch), heir.Tenure, 2, 1)
}

// testSettleRelease: nothing is counted, however often, and the message waits a little.
func testSettleRelease(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	settle(t, db, lease(lone(t, db, m, topic)), work.SettleRelease, true)
	rows := inFlight(t, db, topic)
	if len(rows) != 1 || rows[0].node != "" || rows[0].attempt != 1 || rows[0].interruptions != 0 {
		t.Fatalf("in flight: %+v; want one that is nobody's, without an interruption", rows)
	}
	if wait := time.Until(rows[0].available.Time); wait <= 0 || wait > 6*time.Second {
		t.Errorf("it can be claimed in %s, want 5 s at most, and not at once", wait)
	}
	heir := join(t, db)
	exec(t, db, `UPDATE inflight SET available_at = claimed_at WHERE topic = ?1`, topic)
	wantLease(t, take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), topic)), heir.Tenure, 2, 0)
}

func testSettlePark(t *testing.T, db *schema.DB) {
	m, topic := join(t, db), name("topic")
	msg := lone(t, db, m, topic)
	exec(t, db, `UPDATE inflight SET interruptions = 3, metadata = ?2 WHERE topic = ?1`, topic, `{"a":"ü"}`)
	settleOf(t, db, msg, work.SettlePark, true)
	if rows := inFlight(t, db, topic); len(rows) != 0 {
		t.Fatalf("in flight: %+v", rows)
	}
	var group, uuid, metadata, reason string
	var payload []byte
	var partition, attempt, interruptions int
	var position int64
	var at schema.Time
	must(t, db.QueryRowContext(t.Context(), `SELECT consumer_group, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at
		FROM dead_letters WHERE topic = ?1`, topic).Scan(&group, &partition, &position, &uuid, &payload, &metadata, &attempt, &interruptions, &reason, &at))
	l := lease(msg)
	if group != l.Group || partition != l.Partition || position != l.Position || uuid != msg.UUID || string(payload) != string(msg.Payload) ||
		metadata != `{"a":"ü"}` || attempt != 1 || interruptions != 3 || reason != "a test" || time.Since(at.Time).Abs() > time.Minute {
		t.Fatalf("the dead letter is %s %d %d %s %s %s %d %d %q %s", group, partition, position, uuid, payload, metadata, attempt, interruptions, reason, at)
	}
}

func testSettleUnknown(t *testing.T, db *schema.DB) {
	l := lease(lone(t, db, join(t, db), name("topic")))
	err := db.InTx(t.Context(), func(tx *schema.Tx) error {
		_, err := settleIn(tx, inflight.Leases{}, work.SettleRequest{Lease: l, Settle: 99})
		return err
	})
	if !errors.Is(err, domain.ErrInvalid) {
		t.Fatalf("settlement 99: err = %v, want ErrInvalid", err)
	}
}

func testEndedTold(t *testing.T, db *schema.DB) {
	logger, hook := logtest.NewNullLogger()
	m, topic, id := join(t, db), name("topic"), domain.OrderID{1}
	s := subscriber(t, db, m, messaging.Config{Slots: 1, Logger: logrus.NewEntry(logger)})
	publish(t, db, nil, topic, string(work.EncodePayload(id)))
	msg := take(t, subscribe(t, s, topic))
	msg.Metadata.Set(work.MetadataCorrelation, "request-1")
	exec(t, db, `UPDATE inflight SET epoch = epoch + 1 WHERE topic = ?1`, topic)
	msg.Ack()
	m.afterRounds(t, 2, nil)
	for _, e := range hook.AllEntries() {
		if e.Data["acked"] == true {
			if e.Data["order_id"] != id.String() || e.Data["correlation_id"] != "request-1" || e.Data["topic"] != topic {
				t.Errorf("the line %q has %v; want order and correlation id", e.Message, e.Data)
			}
			return
		}
	}
	t.Error("nothing was said")
}
