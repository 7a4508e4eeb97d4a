package messaging

import (
	"context"
	"fmt"

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
	rows, err := db.QueryContext(ctx, `SELECT o.consumer_group, o.topic, o.partition, o.position, COALESCE(h.head, 0)
		FROM consumer_offsets o LEFT JOIN heads h ON h.partition = o.partition ORDER BY o.consumer_group, o.topic, o.partition`)
	if err != nil {
		return nil, fmt.Errorf("read the offsets: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var o Offset
		if err := rows.Scan(&o.Group, &o.Topic, &o.Partition, &o.Position, &o.Head); err != nil {
			return nil, fmt.Errorf("read the offsets: %w", err)
		}
		all = append(all, o)
	}
	return all, db.Translate(rows.Err())
}

// Reset is what ResetOffsets did.
type Reset struct {
	Offsets     int64 `json:"offsets"`      // taken back to the head
	Inflight    int64 `json:"inflight"`     // messages in flight that were removed
	Outbox      int64 `json:"outbox"`       // messages that were removed
	DeadLetters int64 `json:"dead_letters"` // dead letters that were removed
}

// beyondHead is the condition that a row of a table is at a place that the log does not have.
func beyondHead(table string) string {
	return ` WHERE position > COALESCE((SELECT h.head FROM heads h WHERE h.partition = ` + table + `.partition), 0)`
}

// ResetOffsets takes offsets that are beyond the head of their partition back to it, and removes
// messages of events that are not in the log. It is for a database whose log has lost its end; nodes
// should be stopped. The heads are locked meanwhile: nothing is appended.
func ResetOffsets(ctx context.Context, db *schema.DB) (done Reset, err error) {
	err = db.InTx(ctx, func(tx *schema.Tx) (err error) {
		if _, err := tx.ExecContext(ctx, `UPDATE heads SET head = head`); err != nil {
			return fmt.Errorf("lock the heads: %w", err)
		}
		done.Offsets, err = affected(tx.ExecContext(ctx, `UPDATE consumer_offsets SET position =
			COALESCE((SELECT h.head FROM heads h WHERE h.partition = consumer_offsets.partition), 0)`+beyondHead("consumer_offsets")))
		if err != nil {
			return fmt.Errorf("take offsets back: %w", err)
		}
		if done.Inflight, err = affected(tx.ExecContext(ctx, `DELETE FROM inflight`+beyondHead("inflight"))); err != nil {
			return fmt.Errorf("remove messages in flight: %w", err)
		}
		if done.Outbox, err = affected(tx.ExecContext(ctx, `DELETE FROM outbox`+beyondHead("outbox"))); err != nil {
			return fmt.Errorf("remove messages: %w", err)
		}
		if done.DeadLetters, err = affected(tx.ExecContext(ctx, `DELETE FROM dead_letters`+beyondHead("dead_letters"))); err != nil {
			return fmt.Errorf("remove dead letters: %w", err)
		}
		return nil
	})
	return done, err
}
