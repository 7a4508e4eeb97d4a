package check

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// orphan is a message in flight or a dead letter at whose position the log has no event of its order.
type orphan struct {
	Violation
	order domain.OrderID
}

// orphans checks that the orders of messages in flight and of dead letters are in the log. Those beyond
// their heads have been reported.
func (l *look) orphans(ctx context.Context) error {
	for _, t := range []struct{ table, what string }{{"inflight", "the message in flight"}, {"dead_letters", "the dead letter"}} {
		all, err := l.misplacedWork(ctx, t.table, t.what)
		if err != nil {
			return fmt.Errorf("compare %s with the log: %w", t.table, err)
		}
		for _, o := range all {
			events, err := l.count(ctx, `SELECT COUNT(*) FROM events WHERE stream_id = ?1 AND version = 1`, o.order[:])
			if err != nil {
				return fmt.Errorf("look for order %s: %w", o.order, err)
			}
			if events == 0 {
				l.found(o.Violation)
			}
		}
	}
	return nil
}

// misplacedWork are the rows of a table whose position has no event, or the event of another order.
func (l *look) misplacedWork(ctx context.Context, table, what string) ([]orphan, error) {
	all, err := schema.Collect(ctx, l.db, func(rows *sql.Rows, o *orphan) error {
		var group, topic string
		var payload, stream []byte
		if err := rows.Scan(&group, &topic, &o.Partition, &o.Position, &payload, &stream); err != nil {
			return err
		}
		var err error // workers say what is wrong with a message that cannot be read
		if o.order, err = work.DecodePayload(payload); err == nil && !bytes.Equal(stream, o.order[:]) {
			o.Kind, o.OrderID = Orphan, o.order.String()
			o.What = fmt.Sprintf("%s %s:%s/%d/%d: its order is not in the log", what, group, topic, o.Partition, o.Position)
		}
		return nil
	}, `SELECT t.consumer_group, t.topic, t.partition, t.position, t.payload, e.stream_id
		FROM `+table+` t JOIN heads h ON h.partition = t.partition AND h.head >= t.position
			LEFT JOIN events e ON e.partition = t.partition AND e.position = t.position
		WHERE t.partition >= 0`)
	return slices.DeleteFunc(all, func(o orphan) bool { return o.Kind == "" }), err
}
