package check

import (
	"bytes"
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
)

// orphan is a message in flight or a dead letter, at whose place the log has no event of its order.
type orphan struct {
	Violation
	order domain.OrderID
}

// orphans checks that the orders of messages in flight and of dead letters are in the log. Those beyond
// their heads have been reported.
func (c *run) orphans(ctx context.Context) error {
	for _, t := range []struct{ table, what string }{{"inflight", "the message in flight"}, {"dead_letters", "the dead letter"}} {
		all, err := c.misplacedWork(ctx, t.table, t.what)
		if err != nil {
			return fmt.Errorf("compare %s with the log: %w", t.table, c.db.Translate(err))
		}
		for _, o := range all {
			var events int
			row := c.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM events WHERE stream_id = ?1 AND version = 1`, o.order[:])
			if err := row.Scan(&events); err != nil {
				return fmt.Errorf("look for order %s: %w", o.order, c.db.Translate(err))
			}
			if events == 0 {
				c.violation(o.Violation)
			}
		}
	}
	return nil
}

// misplacedWork are the rows of a table whose place is that of no event, or of another order's.
func (c *run) misplacedWork(ctx context.Context, table, what string) (all []orphan, err error) {
	rows, err := c.db.QueryContext(ctx, `SELECT t.consumer_group, t.topic, t.partition, t.position, t.payload, e.stream_id
		FROM `+table+` t JOIN heads h ON h.partition = t.partition AND h.head >= t.position
			LEFT JOIN events e ON e.partition = t.partition AND e.position = t.position
		WHERE t.partition >= 0`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var group, topic string
		var payload, stream []byte
		o := orphan{Violation: Violation{Kind: Orphan}}
		if err := rows.Scan(&group, &topic, &o.Partition, &o.Position, &payload, &stream); err != nil {
			return nil, err
		}
		if o.order, err = work.DecodePayload(payload); err != nil || bytes.Equal(stream, o.order[:]) {
			continue // workers say what is wrong with a message that cannot be read
		}
		o.OrderID = o.order.String()
		o.What = fmt.Sprintf("%s %s:%s/%d/%d: its order is not in the log", what, group, topic, o.Partition, o.Position)
		all = append(all, o)
	}
	return all, rows.Err()
}
