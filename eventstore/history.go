package eventstore

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// OnOtherHistory registers f. The store calls it when an event that it remembers is no longer in the
// log, after it has emptied its memory. f must not block.
func (s *Store) OnOtherHistory(f func(OtherHistory)) { s.onOther.add(f) }

// forget empties the store's memory, since the mark of a partition is not in the log.
func (s *Store) forget(partition int, gone mark) {
	if s.memory.forget(partition, gone) {
		s.level.Store(1) // a backup may be from before it was raised; it is asked for again
		s.onOther.tell(OtherHistory{Partition: partition, Position: gone.position})
	}
}

// CheckHistory looks in the log for the last event that the store remembers of each partition. If one
// is missing, the store empties its memory and calls the functions of OnOtherHistory.
func (s *Store) CheckHistory(ctx context.Context) error {
	known := make([]mark, s.partitions)
	var queries []string
	var args []any
	for p := range known {
		if known[p] = s.memory.marks.of(p); known[p].position > 0 {
			queries = append(queries, fmt.Sprintf(`SELECT partition, hash FROM events WHERE partition = ?%d AND position = ?%d`, len(args)+1, len(args)+2))
			args = append(args, p, known[p].position)
		}
	}
	if len(queries) == 0 {
		return nil
	}
	stored := map[int][]byte{} // hashes by partition
	err := s.db.Read(ctx, func(rows *sql.Rows) error {
		clear(stored)
		for rows.Next() {
			var partition int
			var hash []byte
			if err := rows.Scan(&partition, &hash); err != nil {
				return err
			}
			stored[partition] = hash
		}
		return nil
	}, strings.Join(queries, " UNION ALL "), args...)
	if err != nil {
		return fmt.Errorf("look for the last events that are remembered: %w", classify(err))
	}
	for p, m := range known {
		if m.position > 0 && !bytes.Equal(stored[p], m.hash) {
			s.forget(p, m)
		}
	}
	return nil
}
