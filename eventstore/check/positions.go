package check

import (
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/eventstore"
)

// positions reads the places of all events, without their contents, in the order of the
// log.
func (c *run) positions(ctx context.Context) error {
	heads, err := c.store.Heads(ctx)
	if err != nil {
		return err
	}
	c.heads, c.throughTable, c.throughIndex = heads, make([]tally, len(heads)), make([]tally, len(heads))
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
			c.violation(Violation{Kind: Hole, Partition: partition, Position: min(last, head) + 1, What: fmt.Sprintf("the log ends at %d and its head says %d; %q sets the head to the last event", last, head, mendOffsets)})
		}
	}
	return c.elsewhere(ctx, len(heads))
}

// partition checks the positions of one partition and gives the last one.
func (c *run) partition(ctx context.Context, partition int) (last int64, err error) {
	for {
		page, err := c.places(ctx, partition, last)
		if err != nil {
			return last, err
		}
		for _, r := range page {
			if r.Position != last+1 {
				c.atf(Hole, r, "position %d follows %d", r.Position, last)
			}
			last = max(last, r.Position) // of a table in disorder no page is read twice
			if home := c.store.Partition(r.OrderID); home != partition {
				c.atf(Misplaced, r, "the order belongs to partition %d", home)
			}
			c.tallied(c.throughTable, r)
		}
		if len(page) < c.opts.Page {
			return last, nil
		}
	}
}

// places reads the places of events after a position, through the table.
func (c *run) places(ctx context.Context, partition int, after int64) (page []domain.Recorded, err error) {
	rows, err := c.db.QueryContext(ctx, `SELECT partition, position, stream_id, version, hash FROM events `+eventstore.ThroughTable(c.db.Dialect())+`
		WHERE partition = ?1 AND position > ?2 ORDER BY position `+c.db.Dialect().Limit("?3"), partition, after, c.opts.Page)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var r domain.Recorded
		var id []byte
		if err := rows.Scan(&r.Partition, &r.Position, &id, &r.Version, &r.Hash); err != nil {
			return nil, err
		}
		copy(r.OrderID[:], id)
		page = append(page, r)
	}
	return page, c.db.Translate(rows.Err())
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
