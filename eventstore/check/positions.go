package check

import (
	"context"
	"fmt"

	"orderflow/domain"
)

// positions reads the places of all events, without their contents, in the order of the
// log.
func (c *run) positions(ctx context.Context) error {
	heads, err := c.store.Heads(ctx)
	if err != nil {
		return err
	}
	for partition, head := range heads {
		last, err := c.partition(ctx, partition)
		if err != nil {
			return fmt.Errorf("check partition %d: %w", partition, err)
		}
		if last > head { // more may have been appended since the heads were read
			now, err := c.store.Heads(ctx)
			if err != nil {
				return err
			}
			head = max(head, min(last, now[partition]))
		}
		if last != head {
			c.violation(Violation{Kind: Hole, Partition: partition, Position: min(last, head) + 1, What: fmt.Sprintf("the log ends at %d and its head says %d", last, head)})
		}
	}
	return c.elsewhere(ctx, len(heads))
}

// partition checks the positions of one partition and gives the last one.
func (c *run) partition(ctx context.Context, partition int) (last int64, err error) {
	for {
		n := 0
		rows, err := c.db.QueryContext(ctx, `SELECT position, stream_id, version FROM events WHERE partition = ?1 AND position > ?2
			ORDER BY position `+c.db.Dialect().Limit("?3"), partition, last, c.opts.Page)
		if err != nil {
			return last, err
		}
		for rows.Next() {
			r := domain.Recorded{Partition: partition}
			var id []byte
			if err := rows.Scan(&r.Position, &id, &r.Version); err != nil {
				_ = rows.Close()
				return last, err
			}
			n++
			copy(r.OrderID[:], id)
			if r.Position != last+1 {
				c.atf(Hole, r, "position %d follows %d", r.Position, last)
			}
			last = r.Position
			if home := c.store.Partition(r.OrderID); home != partition {
				c.atf(Misplaced, r, "the order belongs to partition %d", home)
			}
		}
		if err := c.db.Translate(rows.Err()); err != nil || n < c.opts.Page {
			return last, err
		}
	}
}

// elsewhere finds events in partitions that there are not.
func (c *run) elsewhere(ctx context.Context, partitions int) error {
	var n int64
	row := c.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM events WHERE partition < 0 OR partition >= ?1`, partitions)
	if err := row.Scan(&n); err != nil {
		return fmt.Errorf("look for partitions that there are not: %w", c.db.Translate(err))
	}
	if n > 0 {
		c.violation(Violation{Kind: Misplaced, Partition: -1, What: fmt.Sprintf("%d events lie in partitions that there are not", n)})
	}
	return nil
}
