package inflight

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderflow/schema"
)

// Offset is how far a consumer group has claimed one partition of a topic.
type Offset struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Position  int64  `json:"position"` // the last message that was claimed
	Head      int64  `json:"head"`     // the last position that there is
}

// Offsets lists the offsets, by group, topic and partition.
func Offsets(ctx context.Context, db *schema.DB) (all []Offset, err error) {
	// Heads are read after the offsets, and only grow.
	all, err = schema.Collect(ctx, db, func(rows *sql.Rows, o *Offset) error {
		return rows.Scan(&o.Group, &o.Topic, &o.Partition, &o.Position, &o.Head)
	}, `SELECT o.consumer_group, o.topic, o.partition, o.position, COALESCE(h.head, 0)
		FROM consumer_offsets o LEFT JOIN heads h ON h.partition = o.partition ORDER BY o.consumer_group, o.topic, o.partition`)
	if err != nil {
		return nil, fmt.Errorf("read the offsets: %w", err)
	}
	return all, nil
}

// MakeOffsets makes a group's offsets of a topic, one for each partition, where they are missing. A new
// group begins at the oldest message that is kept.
func MakeOffsets(ctx context.Context, db *schema.DB, group, topic string) error {
	const missing = ` FROM heads h WHERE NOT EXISTS (SELECT 1 FROM consumer_offsets o
		WHERE o.consumer_group = ?1 AND o.topic = ?2 AND o.partition = h.partition)`
	var n int
	err := db.Translate(db.QueryRowContext(ctx, `SELECT COUNT(*)`+missing, group, topic).Scan(&n))
	if err == nil && n > 0 {
		err = schema.ErrDuplicateKey
	}
	for errors.Is(err, schema.ErrDuplicateKey) { // another process was quicker: its offsets are seen now
		err = db.InTx(ctx, func(tx *schema.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position)
				SELECT ?1, ?2, h.partition, 0`+missing, group, topic)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("offsets of group %s: %w", group, err)
	}
	return nil
}

// Reset is what ResetOffsets did.
type Reset struct {
	Heads       int64 `json:"heads"`        // set to the last event of their partition
	Offsets     int64 `json:"offsets"`      // taken back to the head
	HandedOut   int64 `json:"handed_out"`   // messages that will be handed out, perhaps once more
	Inflight    int64 `json:"inflight"`     // messages in flight that were removed
	Outbox      int64 `json:"outbox"`       // messages that were removed
	DeadLetters int64 `json:"dead_letters"` // dead letters that were removed
}

// lastEvent is the position of the last event of a head's partition.
const lastEvent = `COALESCE((SELECT MAX(e.position) FROM events e WHERE e.partition = heads.partition), 0)`

// beyondHead is the condition that a row of a table is at a position that the log does not have.
func beyondHead(table string) string {
	return ` WHERE position > COALESCE((SELECT h.head FROM heads h WHERE h.partition = ` + table + `.partition), 0)`
}

// skipped puts messages in flight that an offset beyond the head has skipped, unless they are in flight or
// dead letters already. Their rows are free, so that any node claims them. A handler drops the messages that
// were dealt with before.
const skipped = `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata,
		node, epoch, attempt, interruptions, claimed_at, available_at)
	SELECT o.consumer_group, m.topic, m.partition, m.position, m.topic, m.position, m.uuid, m.payload, m.metadata, '', 0, 0, 0, m.created_at, ?1
	FROM consumer_offsets o JOIN heads h ON h.partition = o.partition JOIN outbox m ON m.topic = o.topic AND m.partition = o.partition
	WHERE o.position > h.head AND m.position <= h.head
		AND NOT EXISTS (SELECT 1 FROM inflight i WHERE i.consumer_group = o.consumer_group AND i.partition = m.partition
			AND (i.first_topic = m.topic AND i.first_position = m.position OR i.topic = m.topic AND i.position = m.position))
		AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.consumer_group = o.consumer_group AND d.topic = m.topic
			AND d.partition = m.partition AND d.position = m.position)`

// ResetOffsets repairs the offsets of a database whose log has lost its end. Nodes should be stopped. It sets
// each head to the last event of its partition and takes offsets beyond a head back to it. Messages that an
// offset had skipped are handed out again. Messages whose events are not in the log are removed. The
// heads are locked meanwhile, so that nothing is appended.
func ResetOffsets(ctx context.Context, db *schema.DB) (done Reset, err error) {
	steps := []struct {
		what, statement string
		args            []any
		rows            *int64
	}{
		{"lock the heads", `UPDATE heads SET head = head + 1`, nil, new(int64)}, // an update that changes nothing need not lock
		{"put them back", `UPDATE heads SET head = head - 1`, nil, new(int64)},
		{"set heads to the last event", `UPDATE heads SET head = ` + lastEvent + ` WHERE partition >= 0 AND head <> ` + lastEvent, nil, &done.Heads},
		{"remove messages in flight", `DELETE FROM inflight` + beyondHead("inflight"), nil, &done.Inflight},
		{"hand out what was skipped", skipped, []any{schema.TimeArg(time.Unix(0, 0))}, &done.HandedOut},
		{"take offsets back", `UPDATE consumer_offsets SET position =
			COALESCE((SELECT h.head FROM heads h WHERE h.partition = consumer_offsets.partition), 0)` + beyondHead("consumer_offsets"), nil, &done.Offsets},
		{"remove messages", `DELETE FROM outbox` + beyondHead("outbox"), nil, &done.Outbox},
		{"remove dead letters", `DELETE FROM dead_letters` + beyondHead("dead_letters"), nil, &done.DeadLetters},
	}
	err = db.InTx(ctx, func(tx *schema.Tx) (err error) {
		for _, s := range steps {
			if *s.rows, err = affected(tx.ExecContext(ctx, s.statement, s.args...)); err != nil {
				return fmt.Errorf("%s: %w", s.what, err)
			}
		}
		return nil
	})
	return done, err
}
