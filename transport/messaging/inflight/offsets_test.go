package inflight_test

import (
	"bytes"
	"sync"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// TestResetOffsets: heads go to the last event, what is beyond them goes back or away, and what an offset passed over is
// handed out; all else stays.
func TestResetOffsets(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		schematest.Partitions(t, db, 3)
		// The head of partition 1 is ahead of its last event, that of 2 behind it.
		exec(t, db, `UPDATE heads SET head = CASE WHEN partition = 1 THEN 7 ELSE 3 END WHERE partition IN (1, 2)`)
		exec(t, db, `UPDATE heads SET head = 2 WHERE partition = -1`) // counts messages of no event
		for partition := range 2 {
			exec(t, db, `INSERT INTO events (position, partition, stream_id, version, type, data, metadata, recorded_at, hash)
				VALUES (5, ?1, ?2, 1, 'x', '{}', '{}', '2026-11-22 15:04:05.000000', ?3)`, partition+1, bytes.Repeat([]byte{byte(partition)}, 16), make([]byte, 32))
		}
		for _, position := range []int{3, 4, 5, 6} {
			for _, partition := range []int{1, 2} {
				exec(t, db, `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at) VALUES ('t', ?1, ?2, 'u', ?3, '{}', '2026-11-22 15:04:05.000000')`,
					partition, position, []byte("{}"))
			}
		}
		exec(t, db, `DELETE FROM outbox WHERE partition = 2 AND position = 6`)
		exec(t, db, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES ('g', 't', 1, 9), ('g', 't', 2, 4)`)
		// Partition 1: 3 is in flight under another message, 4 a dead letter, 6 in flight and of no event.
		const flight = `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata, node, epoch, attempt, interruptions, claimed_at, available_at)
			VALUES ('g', 't', 1, ?1, 'next', ?2, 'u', ?3, '{}', 'n', 1, 1, 0, '2026-11-22 15:04:05.000000', '2026-11-22 15:04:05.000000')`
		exec(t, db, flight, 3, 5, []byte("{}"))
		exec(t, db, flight, 6, 6, []byte("{}"))
		const letter = `INSERT INTO dead_letters (consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
			VALUES ('g', 't', 1, ?1, 'u', ?2, '{}', 1, 1, 'x', '2026-11-22 15:04:05.000000')`
		exec(t, db, letter, 4, []byte("{}"))
		exec(t, db, letter, 8, []byte("{}"))

		for _, want := range []inflight.Reset{{Heads: 2, Offsets: 1, HandedOut: 1, Inflight: 1, Outbox: 1, DeadLetters: 1}, {}} {
			if done, err := inflight.ResetOffsets(t.Context(), db); err != nil || done != want {
				t.Errorf("reset %+v, err %v; want %+v", done, err, want)
			}
		}
		all, err := inflight.Offsets(t.Context(), db)
		must(t, err)
		want := []inflight.Offset{{"g", "t", 1, 5, 5}, {"g", "t", 2, 4, 5}}
		if len(all) != 2 || all[0] != want[0] || all[1] != want[1] {
			t.Errorf("offsets %+v, want %+v", all, want)
		}
		var handed, outbox int
		must(t, db.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM inflight WHERE node = '' AND topic = 't' AND position = 5 AND partition = 1), (SELECT COUNT(*) FROM outbox)`).Scan(&handed, &outbox))
		if handed != 1 || outbox != 6 {
			t.Errorf("%d handed out and %d messages, want 1 and 6", handed, outbox)
		}
	})
}

// TestMakeOffsets_race: whoever makes a topic's offsets at the same time finds them made.
func TestMakeOffsets_race(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		schematest.Partitions(t, db, 3)
		for range 5 {
			topic := name("topic")
			var all sync.WaitGroup
			for _, handle := range []*schema.DB{db, schematest.Again(t, db)} {
				for range 3 {
					all.Go(func() {
						if err := inflight.MakeOffsets(t.Context(), handle, "g", topic); err != nil {
							t.Error(err)
						}
					})
				}
			}
			all.Wait()
			if n := exec(t, db, `DELETE FROM consumer_offsets WHERE topic = ?1`, topic); n != exec(t, db, `UPDATE heads SET head = head + 1`) {
				t.Errorf("%d offsets, want one for each partition", n)
			}
		}
	})
}
