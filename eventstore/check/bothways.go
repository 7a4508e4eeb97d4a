package check

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"orderflow/domain"
	"orderflow/eventstore"
)

// tally is how many events were read of a partition up to the head that it had at the beginning, and
// the sum of what they said. The sum does not depend on the order in which they were read.
type tally struct {
	events int64
	sum    [4]uint64
}

// add takes the keys and the hash of an event, as they were read.
func (t *tally) add(r domain.Recorded) {
	b := make([]byte, 0, 128)
	for _, n := range []int64{int64(r.Partition), r.Position, int64(r.Version), int64(len(r.Hash))} {
		b = binary.BigEndian.AppendUint64(b, uint64(n)) //nolint:gosec // two's complement is meant
	}
	b = append(append(b, r.OrderID[:]...), r.Hash...)
	sum := sha256.Sum256(b)
	t.events++
	for i := range t.sum {
		t.sum[i] += binary.BigEndian.Uint64(sum[8*i:])
	}
}

// tallied counts an event that was there when the check began. Those in partitions that there are not
// have been reported.
func (c *run) tallied(all []tally, r domain.Recorded) {
	if r.Partition >= 0 && r.Partition < len(all) && r.Position <= c.heads[r.Partition] {
		all[r.Partition].add(r)
	}
}

// bothWays compares what was read through the table with what was read through the index of streams,
// and names the events that the index does not lead to.
func (c *run) bothWays(ctx context.Context) error {
	for partition, table := range c.throughTable {
		index := c.throughIndex[partition]
		if table == index {
			continue
		}
		c.violation(Violation{Kind: Hidden, Partition: partition, What: fmt.Sprintf(
			"table events and its index of streams do not say the same: they have %d and %d events up to position %d", table.events, index.events, c.heads[partition])})
		if err := c.hidden(ctx, partition); err != nil {
			return err
		}
	}
	return nil
}

// hidden names events that the table has and that no search for their order and version finds.
func (c *run) hidden(ctx context.Context, partition int) error {
	rows, err := c.db.QueryContext(ctx, `SELECT e.position, e.stream_id, e.version FROM events e `+eventstore.ThroughTable(c.db.Dialect())+`
		WHERE e.partition = ?1 AND NOT EXISTS (SELECT 1 FROM events i `+eventstore.ThroughStreams(c.db.Dialect())+`
			WHERE i.stream_id = e.stream_id AND i.version = e.version AND i.partition = e.partition AND i.position = e.position)
		ORDER BY e.position `+c.db.Dialect().Limit("?2"), partition, c.opts.Keep)
	if err != nil {
		return fmt.Errorf("look for events that the index hides: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		r := domain.Recorded{Partition: partition}
		var id []byte
		if err := rows.Scan(&r.Position, &id, &r.Version); err != nil {
			return fmt.Errorf("look for events that the index hides: %w", err)
		}
		copy(r.OrderID[:], id)
		c.atf(Hidden, r, "the index of streams does not lead to it")
	}
	return c.db.Translate(rows.Err())
}
