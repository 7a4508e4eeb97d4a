package projections

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"orderflow/domain"
	"orderflow/schema"
)

// Beyond finds the checkpoints that are beyond the head of their partition: the log has fewer events
// than were applied. Rebuild mends it. Heads are read after the checkpoints, and only grow.
func Beyond(ctx context.Context, db *schema.DB, log Log) (found []Difference, err error) {
	all, err := Statuses(ctx, db, log)
	for _, s := range all {
		if s.Projection == live && s.Beyond > 0 {
			found = append(found, beyond(s.Partition, s.Position, s.Head))
		}
	}
	return found, err
}

func beyond(partition int, position, head int64) Difference {
	return Difference{
		Kind: KindBeyond, Field: fmt.Sprintf("checkpoint of partition %d", partition),
		Stored: fmt.Sprint(position), Expected: fmt.Sprintf("%d at most", head),
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
			return nil, classify(db, err)
		}
		if len(t.damaged) > 0 {
			return t.damaged, nil
		}
		// Without snapshots a statement may have read rows that are newer than the checkpoints. If
		// these are the same in the next reading, they were not.
		found := differ(t.counted, t.rows)
		if len(found) == 0 || reflect.DeepEqual(t.positions, last.positions) {
			return found, nil
		}
		last = t
	}
	return nil, nil
}

// tally is what the checkpoints count, and how many rows there are, by status.
type tally struct {
	positions     map[int]int64
	counted, rows counts
	damaged       []Difference // counts that cannot be read
}

func readTally(ctx context.Context, db *schema.DB) (t tally, err error) {
	rows, err := db.QueryContext(ctx, `SELECT partition, position, counts, 0 FROM checkpoints WHERE projection = ?1
		UNION ALL SELECT -1, 0, status, COUNT(*) FROM `+live+` GROUP BY status`, live)
	if err != nil {
		return t, fmt.Errorf("count the orders: %w", err)
	}
	defer func() { _ = rows.Close() }()
	t = tally{positions: map[int]int64{}, counted: counts{}, rows: counts{}}
	for rows.Next() {
		if err := t.scan(rows); err != nil {
			return t, fmt.Errorf("count the orders: %w", err)
		}
	}
	return t, rows.Err()
}

func (t *tally) scan(rows *sql.Rows) error {
	var partition int
	var position, n int64
	var text string
	if err := rows.Scan(&partition, &position, &text, &n); err != nil {
		return err
	}
	if partition < 0 {
		t.rows.add(domain.Status(text), n)
		return nil
	}
	t.positions[partition] = position
	more, readable := decodeCounts(text)
	if !readable {
		damage := countsError{projection: live, partition: partition, stored: text}
		t.damaged = append(t.damaged, damage.difference())
	}
	t.counted.addAll(more)
	return nil
}

// differ names the statuses whose counts are not as expected, those that no order can have last.
func differ(stored, expected counts) (found []Difference) {
	all := domain.Statuses()
	for _, c := range []counts{stored, expected} {
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
