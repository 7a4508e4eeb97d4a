package inflight_test

import (
	"errors"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// TestClaimer_moved is about what happens between the moment at which messages are read and the one at which they
// are put in flight: nothing is claimed, and the offset stays, unless all is still as it was read. No lock is held
// in between.
func TestClaimer_moved(t *testing.T) {
	test := func(want int, wantOffset int64, change func(t *testing.T, db *schema.DB, topic string, by work.Tenure)) func(*testing.T, *schema.DB) {
		return func(t *testing.T, db *schema.DB) {
			topic, by := name("topic"), joinReading(t, db, 1)
			must(t, inflight.MakeOffsets(t.Context(), db, "g", topic))
			for position := range 3 {
				exec(t, db, `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at)
					VALUES (?1, 2, ?2, 'u', ?3, '{}', '2026-11-22 15:04:05.000000')`, topic, position+1, []byte("{}"))
			}
			claims, err := inflight.ClaimAfter(t.Context(), db, "g", by, topic, 2, func() { change(t, db, topic, by) })
			must(t, err)
			var offset int64
			must(t, db.QueryRowContext(t.Context(), `SELECT position FROM consumer_offsets WHERE topic = ?1 AND partition = 2`, topic).Scan(&offset))
			rows := exec(t, db, `DELETE FROM inflight WHERE topic = ?1 AND node = ?2`, topic, by.Node)
			if len(claims) != want || rows != int64(want) || offset != wantOffset {
				t.Errorf("%d claimed, %d in flight, the offset at %d; want %d and the offset at %d", len(claims), rows, offset, want, wantOffset)
			}
		}
	}
	move := func(to int64) func(*testing.T, *schema.DB, string, work.Tenure) {
		return func(t *testing.T, db *schema.DB, topic string, _ work.Tenure) {
			exec(t, db, `UPDATE consumer_offsets SET position = ?1 WHERE topic = ?2 AND partition = 2`, to, topic)
		}
	}
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"nothing":                       test(3, 3, func(*testing.T, *schema.DB, string, work.Tenure) {}),
		"another node claimed some":     test(0, 1, move(1)),
		"another node claimed the same": test(0, 3, move(3)),
		"another node claimed more":     test(0, 5, move(5)),
		"the offset was taken back":     test(0, -1, move(-1)),
		"its registration ended":        test(0, 0, func(t *testing.T, db *schema.DB, _ string, by work.Tenure) { expire(t, db, by) }),
		"the messages were removed": test(0, 0, func(t *testing.T, db *schema.DB, topic string, _ work.Tenure) {
			exec(t, db, `DELETE FROM outbox WHERE topic = ?1`, topic)
		}),
	})
}

// TestClaimer_movedHalf: an offset that moves without its messages is an error, and is not committed. They would be
// lost to the group.
func TestClaimer_movedHalf(t *testing.T) {
	db, topic := schematest.SQLite(t), name("topic")
	by := joinReading(t, db, 1)
	exec(t, db, `INSERT INTO heads (partition, head) VALUES (2, 1)`)
	must(t, inflight.MakeOffsets(t.Context(), db, "g", topic))
	exec(t, db, `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at)
		VALUES (?1, 2, 1, 'u', ?2, '{}', '2026-11-22 15:04:05.000000')`, topic, []byte("{}"))
	claims, err := inflight.ClaimAfter(t.Context(), db, "g", by, topic, 2, func() {
		exec(t, db, `CREATE TRIGGER lying BEFORE INSERT ON inflight BEGIN SELECT RAISE(IGNORE); END`)
	})
	var offset int64
	must(t, db.QueryRowContext(t.Context(), `SELECT position FROM consumer_offsets WHERE topic = ?1 AND partition = 2`, topic).Scan(&offset))
	if !errors.Is(err, domain.ErrCorrupt) || offset != 0 {
		t.Errorf("%d claimed, the offset at %d: %v; want ErrCorrupt and the offset at 0", len(claims), offset, err)
	}
}
