package check

import (
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
)

// onItsWay checks that somebody will work on an order that has not ended: the message
// that its last event with a follow-up caused is waiting, in flight or in the dead
// letters. If it is nowhere, the order may have moved on meanwhile and is read again.
// It must be nowhere twice: without snapshots (SQL Server with READ_COMMITTED_SNAPSHOT
// off) a message that is claimed at this moment can be seen in neither place.
func (l *look) onItsWay(ctx context.Context, events []domain.Recorded) error {
	for missed := 0; ; {
		order, err := domain.Fold(events)
		if err != nil || order.Status().Ended() {
			return nil //nolint:nilerr // what cannot be folded has been reported as illegal
		}
		causes := work.Causes(events)
		if len(causes) == 0 {
			return nil // reported as illegal too
		}
		cause := causes[len(causes)-1]
		found, err := l.message(ctx, order.ID, cause)
		if err != nil {
			return err
		}
		if found {
			l.report.OnTheirWay++
			return nil
		}
		if l.conf.missed != nil {
			l.conf.missed()
		}
		again, err := l.store.Load(ctx, order.ID)
		if err != nil {
			return err
		}
		if len(again) != len(events) {
			missed = 0
		} else if missed++; missed == 2 {
			l.foundAtf(Stuck, events[len(events)-1], "the order is %s and its message (%s, caused by event %d) is neither waiting nor in flight nor a dead letter",
				order.Status(), cause.Topic, cause.Version)
			return nil
		}
		events = again
	}
}

// message says whether the message of an event is somewhere. A message waits while a
// consumer group has not come to it, or no group has begun.
func (l *look) message(ctx context.Context, id domain.OrderID, cause work.Cause) (bool, error) {
	n, err := l.count(ctx, `SELECT
		(SELECT COUNT(*) FROM inflight WHERE topic = ?1 AND partition = ?2 AND position = ?3) +
		(SELECT COUNT(*) FROM dead_letters WHERE topic = ?1 AND partition = ?2 AND position = ?3) +
		(SELECT COUNT(*) FROM outbox WHERE topic = ?1 AND partition = ?2 AND position = ?3 AND NOT EXISTS (
			SELECT 1 FROM consumer_offsets o WHERE o.topic = ?1 AND o.partition = ?2 AND o.position >= ?3))`,
		cause.Topic, cause.Partition, cause.Position)
	if err != nil {
		return false, fmt.Errorf("look for message %s: %w", domain.EventID(id, cause.Version), err)
	}
	return n > 0, nil
}
