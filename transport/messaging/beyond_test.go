package messaging_test

import (
	"testing"

	"orderflow/schema"
	"orderflow/transport/messaging"
)

// TestSubscriber_beyond: a message beyond the head of its partition, of an event that the log has lost,
// is not handed out, nor does the offset pass over what is appended next.
func TestSubscriber_beyond(t *testing.T) {
	test := func(partition int) func(*testing.T, *schema.DB) {
		return func(t *testing.T, db *schema.DB) {
			topic, m := name("topic"), join(t, db)
			placed(t, db, topic, partition, "before")
			exec(t, db, `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at)
				SELECT topic, partition, position + 3, 'lost', payload, metadata, created_at FROM outbox WHERE topic = ?1`, topic)
			group := name("group")
			ch := subscribe(t, subscriber(t, db, m, messaging.Config{Slots: 4, Group: group}), topic)
			first := take(t, ch)
			m.afterRounds(t, 3, nil)
			var behind int
			must(t, db.QueryRowContext(t.Context(), `SELECT h.head - o.position FROM heads h JOIN consumer_offsets o ON o.partition = h.partition
				WHERE o.consumer_group = ?1 AND o.topic = ?2 AND h.partition = ?3`, group, topic, partition).Scan(&behind))
			if first.UUID != "before" || behind != 0 {
				t.Errorf("%q came, and the offset is %d before the head; want the first and 0", first.UUID, behind)
			}
			placed(t, db, topic, partition, "next")
			if next := take(t, ch); next.UUID != "next" {
				t.Errorf("%q came, want the next", next.UUID)
			}
			exec(t, db, `DELETE FROM outbox WHERE topic = ?1`, topic)
		}
	}
	onEach(t, map[string]func(*testing.T, *schema.DB){"of events": test(1), "of no event": test(-1)})
}
