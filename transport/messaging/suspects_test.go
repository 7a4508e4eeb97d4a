package messaging_test

import (
	"testing"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging"
)

// testSuspects loses the same three messages with one node after the other. The first
// time they are taken over together; then one at a time, and what is new beside it.
func testSuspects(t *testing.T, db *schema.DB) {
	topic := name("topic")
	publish(t, db, nil, topic, numbered(3)...)
	var last work.Tenure
	for round := range 2 {
		m := join(t, db)
		ch := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 10}), topic)
		if round > 0 {
			expire(t, db, last)
		}
		for range 3 {
			wantLease(t, take(t, ch), m.Tenure, 1+round, round)
		}
		last = m.Tenure
	}
	m := join(t, db)
	ch := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 10}), topic)
	expire(t, db, last)
	for range 3 {
		suspect := take(t, ch)
		wantLease(t, suspect, m.Tenure, 3, 2)
		publish(t, db, nil, topic, "new")
		fresh := take(t, ch)
		wantLease(t, fresh, m.Tenure, 1, 0)
		m.afterRounds(t, 2, nil)
		none(t, ch)
		fresh.Ack()
		suspect.Ack()
	}
	m.afterRounds(t, 2, nil)
	none(t, ch)
	if rows := inFlight(t, db, topic); len(rows) != 0 {
		t.Errorf("left in flight: %+v", rows)
	}
}
