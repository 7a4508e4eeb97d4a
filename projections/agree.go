package projections

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"

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
// committed together. It counts the rows by their index.
func Miscounts(ctx context.Context, db *schema.DB) ([]Difference, error) {
	var last tally
	for range tallyReads {
		t, err := readTally(ctx, db)
		if err != nil {
			return nil, classify(db, err)
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
	return t.counted.addAll(text)
}

// addAll adds what a checkpoint has stored.
func (c counts) addAll(stored string) error {
	more, err := decodeCounts(stored)
	for s, n := range more {
		c.add(s, n)
	}
	return err
}

// differ names the statuses whose counts are not as expected.
func differ(stored, expected counts) (found []Difference) {
	for _, s := range domain.Statuses() {
		if stored[s] != expected[s] {
			found = append(found, Difference{Kind: KindCounts, Field: string(s), Stored: fmt.Sprint(stored[s]), Expected: fmt.Sprint(expected[s])})
		}
	}
	return found
}
