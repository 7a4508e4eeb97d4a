package verify

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// Log is the log of events, as the event store keeps it.
type Log interface {
	// Heads gives the last position of every partition.
	Heads(ctx context.Context) ([]int64, error)
	// EachEvent calls f with every event of the streams after one id and up to another, stream by
	// stream, in order of version. An event that cannot be decoded comes with the reason.
	EachEvent(ctx context.Context, after, until domain.OrderID, f func(domain.Recorded, error)) error
	// EachEventOf is EachEvent for the streams of some orders.
	EachEventOf(ctx context.Context, ids []domain.OrderID, f func(domain.Recorded, error)) error
}

// beyondHeads finds the checkpoints that are beyond the head of their partition: the log has fewer events
// than were applied. A rebuild mends it. Heads are read after the checkpoints, and only grow.
func beyondHeads(ctx context.Context, db *schema.DB, log Log) (found []Difference, err error) {
	checkpoints, err := rows.ReadCheckpoints(ctx, db, rows.LiveTable)
	if err != nil {
		return nil, rows.Classify(db, err)
	}
	heads, err := log.Heads(ctx)
	for partition, head := range heads {
		if at := checkpoints[partition].Position; at > head {
			found = append(found, BeyondHead(partition, at, head))
		}
	}
	return found, err
}

// BeyondHead is the difference that a checkpoint is beyond the head of its partition.
func BeyondHead(partition int, position, head int64) Difference {
	return Difference{
		Kind: KindBeyond, Field: fmt.Sprintf("checkpoint of partition %d", partition),
		Stored: fmt.Sprint(position), Expected: fmt.Sprintf("%d at most", head),
	}
}

// Unreadable is the difference that the counts of a checkpoint cannot be read.
func Unreadable(e *rows.CountsError) Difference {
	return Difference{
		Kind: KindUnreadable, Field: fmt.Sprintf("counts of partition %d", e.Partition),
		Stored: fmt.Sprintf("%.100s", e.Stored), Expected: "how many orders have each status",
	}
}

// tallyReads bounds how often checkpoints and rows are read for two readings that agree.
const tallyReads = 5

// Miscounts holds the counts of the checkpoints against the rows of the orders, which are
// committed together. It counts the rows by their index. Where counts cannot be read, it names these only.
func Miscounts(ctx context.Context, db *schema.DB) ([]Difference, error) {
	var last tally
	for range tallyReads {
		t, err := readTally(ctx, db)
		if err != nil {
			return nil, rows.Classify(db, err)
		}
		if len(t.damaged) > 0 {
			return t.damaged, nil
		}
		// Without snapshots a statement may have read rows that are newer than the checkpoints. If
		// these are the same in the next reading, they were not.
		found := UnlikeCounts(t.counted, t.inTable)
		if len(found) == 0 || reflect.DeepEqual(t.positions, last.positions) {
			return found, nil
		}
		last = t
	}
	return nil, nil
}

// tally is what the checkpoints count, and how many rows there are, by status.
type tally struct {
	positions        map[int]int64
	counted, inTable rows.Counts
	damaged          []Difference // counts that cannot be read
}

func readTally(ctx context.Context, db *schema.DB) (t tally, err error) {
	err = db.Read(ctx, func(answer *sql.Rows) error {
		t = tally{positions: map[int]int64{}, counted: rows.Counts{}, inTable: rows.Counts{}}
		return rows.Each(answer, func() error {
			var partition int
			var position, n int64
			var text string
			if err := answer.Scan(&partition, &position, &text, &n); err != nil {
				return err
			}
			if partition < 0 {
				t.inTable.Add(domain.Status(text), n)
				return nil
			}
			t.positions[partition] = position
			more, damage := rows.DecodeCounts(rows.LiveTable, partition, text)
			if damage != nil {
				t.damaged = append(t.damaged, Unreadable(damage))
			}
			t.counted.AddAll(more)
			return nil
		})
	}, `SELECT partition, position, counts, 0 FROM checkpoints WHERE projection = ?1
		UNION ALL SELECT -1, 0, status, COUNT(*) FROM `+rows.LiveTable+` GROUP BY status`, rows.LiveTable)
	if err != nil {
		return t, fmt.Errorf("count the orders: %w", err)
	}
	return t, nil
}

// UnlikeCounts gives the statuses whose counts are not as expected, unknown statuses last.
func UnlikeCounts(stored, expected rows.Counts) (found []Difference) {
	all := domain.Statuses()
	for _, c := range []rows.Counts{stored, expected} {
		for _, s := range slices.Sorted(maps.Keys(c)) {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	for _, s := range all {
		if stored[s] != expected[s] {
			found = append(found, Difference{Kind: KindCounts, Field: string(s), Stored: fmt.Sprint(stored[s]), Expected: fmt.Sprint(expected[s])})
		}
	}
	return found
}
