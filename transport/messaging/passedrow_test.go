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
	"orderflow/transport/messaging/inflight"
)

func TestLeases_rowStays(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"the handler of the message before is fenced out": testSettlePassed,
		"the row keeps its key":                           testPassInPlace,
		"a message cannot be claimed into two rows":       testClaimTwice,
		"a row goes forward within its partition":         testPassForward,
		"rows of the version before":                      testRowsBefore,
	})
}

// follower is a message at a position behind that of a lease, with the lease it is passed
// on to.
func follower(l work.Lease, topic string) work.OutboxMessage {
	m := work.Message{Topic: topic, UUID: "next", Payload: []byte("work"), Metadata: map[string]string{"k": "v"}}
	return work.OutboxMessage{Message: m, Partition: l.Partition, Position: l.Position + 900_000 + serial.Add(1)}
}

// passIn passes a lease on in a transaction and says whether it was held.
func passIn(tx *schema.Tx, p work.Pass) (bool, error) {
	settled, err := settleIn(tx, inflight.Leases{}, work.SettleRequest{Lease: p.Lease, Settle: work.SettlePass})
	if err != nil {
		return false, err
	}
	held := make([]bool, 1)
	questions, err := inflight.Leases{}.Pass(tx.Dialect(), []work.Pass{p}, held)
	if err != nil {
		return false, err
	}
	err = tx.Ask(context.Background(), questions...)
	return settled && held[0], err
}

// passTo passes a lease on, as an append does, and gives the one that took its place.
func passTo(t *testing.T, db *schema.DB, l work.Lease, m work.OutboxMessage, want bool) work.Lease {
	t.Helper()
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
		held, err := passIn(tx, work.Pass{Lease: l, Message: m})
		if err == nil && held != want {
			t.Errorf("lease %+v: held is %v, want %v", l, held, want)
		}
		return err
	}))
	u := work.Unit{Lease: l, Settle: work.SettlePass, Messages: []work.Message{m.Message}}
	return u.Outcome([]domain.Recorded{{Partition: m.Partition, Position: m.Position}}).Next.Lease
}

// testSettlePassed: the lease before and the one after it have the same row, node, epoch and
// attempt; what the handler of the message before still says must not count.
func testSettlePassed(t *testing.T, db *schema.DB) {
	m, one, two := join(t, db), name("topic"), name("topic")
	before := lease(lone(t, db, m, one))
	now := passTo(t, db, before, follower(before, two), true)
	if now.Attempt != before.Attempt || now.Node != before.Node || now.Epoch != before.Epoch {
		t.Fatalf("%+v was passed on as %+v: they differ in more than the message", before, now)
	}
	for _, how := range []work.Settlement{work.SettleKeep, work.SettleDone, work.SettleReturn, work.SettlePark} {
		settle(t, db, before, how, false)
	}
	passTo(t, db, before, follower(before, one), false)
	if err := inflight.NewDeadLetters(db).Park(t.Context(), before, "too late"); !errors.Is(err, domain.ErrFenced) {
		t.Errorf("parked by the handler of the message before: err = %v, want ErrFenced", err)
	}
	if rows := inFlight(t, db, two); len(rows) != 1 || rows[0].node != m.Node || rows[0].interruptions != 0 || len(inFlight(t, db, one)) != 0 {
		t.Fatalf("in flight: %+v and %+v", rows, inFlight(t, db, one))
	}
	settle(t, db, now, work.SettleKeep, true)
	settle(t, db, now, work.SettleDone, true)
}

// testPassInPlace passes a lease on twice.
func testPassInPlace(t *testing.T, db *schema.DB) {
	m, one, two, three := join(t, db), name("topic"), name("topic"), name("topic")
	l := lease(lone(t, db, m, one))
	first := l.Position
	for _, topic := range []string{two, three} {
		next := follower(l, topic)
		next.Payload = []byte("work on " + topic)
		l = passTo(t, db, l, next, true)
		if n := count(t, db, `SELECT COUNT(*) FROM inflight WHERE first_topic = ?1 AND partition = ?2 AND first_position = ?3
			AND topic = ?4 AND position = ?5 AND payload = ?6 AND attempt = 1 AND node = ?7`,
			one, l.Partition, first, topic, next.Position, next.Payload, m.Node); n != 1 {
			t.Fatalf("%d rows of %s at %d were made for %s at %d, want 1", n, topic, next.Position, one, first)
		}
	}
	settle(t, db, l, work.SettleReturn, true)
	exec(t, db, `UPDATE inflight SET available_at = claimed_at WHERE topic = ?1`, three)
	heir := join(t, db)
	again := take(t, subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 1}), three))
	wantLease(t, again, heir.Tenure, 2, 1)
	if string(again.Payload) != "work on "+three || lease(again).FirstTopic != one || lease(again).FirstPosition != first {
		t.Errorf("delivered %q under %+v, a row made for %s at %d", again.Payload, lease(again), one, first)
	}
	settleOf(t, db, again, work.SettleDone, true)
}

// testClaimTwice sets an offset back behind a message that is in flight, as no part of the
// program does, and whose lease has been passed on: it is not claimed again.
func testClaimTwice(t *testing.T, db *schema.DB) {
	m, one, two := join(t, db), name("topic"), name("topic")
	publish(t, db, nil, one, "work")
	ch := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 2, IdlePoll: time.Millisecond}), one)
	l := lease(take(t, ch))
	passTo(t, db, l, follower(l, two), true)
	exec(t, db, `UPDATE consumer_offsets SET position = 0 WHERE topic = ?1`, one)
	m.afterRounds(t, 3, nil)
	none(t, ch)
	if n := count(t, db, `SELECT COUNT(*) FROM inflight WHERE first_topic = ?1`, one); n != 1 {
		t.Errorf("one message is in flight in %d rows", n)
	}
}

func testPassForward(t *testing.T, db *schema.DB) {
	l := lease(lone(t, db, join(t, db), name("topic")))
	elsewhere, back := follower(l, name("topic")), follower(l, name("topic"))
	elsewhere.Partition++
	back.Position = l.Position
	for _, m := range []work.OutboxMessage{elsewhere, back} {
		if _, err := (inflight.Leases{}).Pass(db.Dialect(), []work.Pass{{Lease: l, Message: m}}, make([]bool, 1)); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("passed on from %d/%d to %d/%d: err = %v, want ErrInvalid", l.Partition, l.Position, m.Partition, m.Position, err)
		}
	}
}

// testRowsBefore: nodes of the version before this layout of the table write rows without
// the columns of the key, while others that know them run already.
func testRowsBefore(t *testing.T, db *schema.DB) {
	lost, heir, topic := join(t, db), join(t, db), name("topic")
	for position := range 3 {
		exec(t, db, `INSERT INTO inflight (consumer_group, topic, partition, position, uuid, payload, metadata, node, epoch, attempt, interruptions, claimed_at, available_at)
			VALUES ('workers', ?1, 0, ?2, 'u', ?3, '{}', ?4, ?5, 1, 0, ?6, ?6)`, topic, position+1, []byte("work"), lost.Node, lost.Epoch, schema.TimeArg(time.Now()))
	}
	expire(t, db, lost.Tenure)
	ch := subscribe(t, subscriber(t, db, heir, messaging.Config{Slots: 3}), topic)
	var all []*message.Message
	for range 3 {
		all = append(all, take(t, ch))
		wantLease(t, all[len(all)-1], heir.Tenure, 2, 1)
	}
	settleOf(t, db, all[0], work.SettleDone, true)
	settle(t, db, passTo(t, db, lease(all[1]), follower(lease(all[1]), topic), true), work.SettleDone, true)
	settleOf(t, db, all[2], work.SettlePark, true)
}
