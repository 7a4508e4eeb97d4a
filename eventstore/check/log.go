package check

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/schema"
)

// logRead reads the log twice: through the table, in the order of positions, and through the index of
// streams, order by order.
type logRead struct {
	*look
	heads                      []int64 // when the check began
	throughTable, throughIndex []tally // of each partition, up to these heads
}

// tally is the number of events of a partition, up to its head when the check began, and the sum of the hashes of
// their keys. The sum is the same in whatever order the events were read.
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

// positions reads the keys of all events, without their contents, in the order of the log.
func (g *logRead) positions(ctx context.Context) error {
	heads, err := g.store.Heads(ctx)
	if err != nil {
		return err
	}
	g.heads, g.throughTable, g.throughIndex = heads, make([]tally, len(heads)), make([]tally, len(heads))
	for partition, head := range heads {
		last, err := g.partition(ctx, partition)
		if err != nil {
			return fmt.Errorf("check partition %d: %w", partition, err)
		}
		if last > head { // more may have been appended since the heads were read
			now, err := g.store.Heads(ctx)
			if err != nil {
				return err
			}
			head = max(head, min(last, now[partition]))
		}
		if last != head {
			g.found(Violation{Kind: Hole, Partition: partition, Position: min(last, head) + 1, What: fmt.Sprintf("the log ends at %d and its head says %d; %q sets the head to the last event", last, head, mendOffsets)})
		}
	}
	return g.elsewhere(ctx, len(heads))
}

// partition checks the positions of one partition and gives the last one.
func (g *logRead) partition(ctx context.Context, partition int) (last int64, err error) {
	for {
		page, err := g.page(ctx, partition, last)
		if err != nil {
			return last, err
		}
		for _, r := range page {
			if r.Position != last+1 {
				g.foundAtf(Hole, r, "position %d follows %d", r.Position, last)
			}
			last = max(last, r.Position) // of a table in disorder no page is read twice
			if home := g.store.Partition(r.OrderID); home != partition {
				g.foundAtf(Misplaced, r, "the order belongs to partition %d", home)
			}
			g.tallied(g.throughTable, r)
		}
		if len(page) < g.conf.Page {
			return last, nil
		}
	}
}

// page reads the keys and hashes of events after a position, through the table.
func (g *logRead) page(ctx context.Context, partition int, after int64) ([]domain.Recorded, error) {
	return schema.Collect(ctx, g.db, func(rows *sql.Rows, r *domain.Recorded) error {
		var id []byte
		err := rows.Scan(&r.Partition, &r.Position, &id, &r.Version, &r.Hash)
		copy(r.OrderID[:], id)
		return err
	}, `SELECT partition, position, stream_id, version, hash FROM events `+eventstore.ThroughTable(g.db.Dialect())+`
		WHERE partition = ?1 AND position > ?2 ORDER BY position `+g.db.Dialect().Limit("?3"), partition, after, g.conf.Page)
}

// elsewhere reports events in partitions that do not exist.
func (g *logRead) elsewhere(ctx context.Context, partitions int) error {
	n, err := g.count(ctx, `SELECT COUNT(*) FROM events WHERE partition < 0 OR partition >= ?1`, partitions)
	if err != nil {
		return fmt.Errorf("look for partitions that there are not: %w", err)
	}
	if n > 0 {
		g.found(Violation{Kind: Misplaced, Partition: -1, What: fmt.Sprintf("%d events lie in partitions that there are not", n)})
	}
	return nil
}

// tallied adds an event to the tally of its partition, if the event was in the log when the check began. An event
// in a partition that does not exist was reported by elsewhere.
func (g *logRead) tallied(all []tally, r domain.Recorded) {
	if r.Partition >= 0 && r.Partition < len(all) && r.Position <= g.heads[r.Partition] {
		all[r.Partition].add(r)
	}
}

// bothWays compares what was read through the table with what was read through the index of streams,
// and names the events that the index does not lead to.
func (g *logRead) bothWays(ctx context.Context) error {
	for partition, table := range g.throughTable {
		index := g.throughIndex[partition]
		if table == index {
			continue
		}
		g.found(Violation{Kind: Hidden, Partition: partition, What: fmt.Sprintf(
			"table events and its index of streams do not say the same: they have %d and %d events up to position %d", table.events, index.events, g.heads[partition])})
		if err := g.hidden(ctx, partition); err != nil {
			return err
		}
	}
	return nil
}

// hidden reports the events that the table has and that a search for their order and version does not find.
func (g *logRead) hidden(ctx context.Context, partition int) error {
	events, err := schema.Collect(ctx, g.db, func(rows *sql.Rows, r *domain.Recorded) error {
		r.Partition = partition
		var id []byte
		err := rows.Scan(&r.Position, &id, &r.Version)
		copy(r.OrderID[:], id)
		return err
	}, `SELECT e.position, e.stream_id, e.version FROM events e `+eventstore.ThroughTable(g.db.Dialect())+`
		WHERE e.partition = ?1 AND NOT EXISTS (SELECT 1 FROM events i `+eventstore.ThroughStreams(g.db.Dialect())+`
			WHERE i.stream_id = e.stream_id AND i.version = e.version AND i.partition = e.partition AND i.position = e.position)
		ORDER BY e.position `+g.db.Dialect().Limit("?2"), partition, g.conf.Keep)
	if err != nil {
		return fmt.Errorf("look for events that the index hides: %w", err)
	}
	for _, r := range events {
		g.foundAtf(Hidden, r, "the index of streams does not lead to it")
	}
	return nil
}
