package eventstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// errOtherHistory asks for the group to be done again with nothing remembered.
var errOtherHistory = errors.New("the log is not the one that is remembered")

// OtherHistory says that the log in the database is not the one that a store remembers: an event
// that the store appended or read is not there any more, as after a restore of a backup.
type OtherHistory struct {
	Partition int
	Position  int64 // of the last event that was remembered
}

// OnOtherHistory has f called whenever the store finds another history and has forgotten all
// that it knew of the log. f must not block.
func (s *Store) OnOtherHistory(f func(OtherHistory)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onOther = append(s.onOther, f)
}

// mark is the last event of a partition that a store, or who follows its log, remembers; the
// zero value is none. While it is in the database, all that is remembered of the partition is.
type mark struct {
	position int64
	hash     []byte
}

// marks are those of a store, by partition.
type marks struct {
	mu  sync.Mutex
	all []mark
}

func (m *marks) of(partition int) mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[partition]
}

// reach moves the mark of a partition to an event, if that is later. It comes before anything of
// the event is remembered, so that nothing that is remembered lies beyond the mark.
func (m *marks) reach(r *domain.Recorded) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Partition < len(m.all) && r.Position > m.all[r.Partition].position {
		m.all[r.Partition] = mark{r.Position, r.Hash}
	}
}

// forget forgets all marks, if that of the partition is still the one given.
func (m *marks) forget(partition int, known mark) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !bytes.Equal(m.all[partition].hash, known.hash) || known.position == 0 {
		return false
	}
	clear(m.all)
	return true
}

// remember keeps events of one stream, which are in the database, for later reads and appends.
func (s *Store) remember(events []domain.Recorded) {
	if len(events) == 0 {
		return
	}
	s.marks.reach(&events[len(events)-1])
	s.recent.add(events)
}

// forget drops all that the store knows of the log, since the mark of a partition is not there.
func (s *Store) forget(partition int, gone mark) {
	if !s.marks.forget(partition, gone) {
		return // somebody else was faster
	}
	s.recent.clear()
	s.level.Store(1) // a backup may be from before it was raised; it is asked for again
	for i := range s.lanes {
		s.lanes[i].tail.clear()
	}
	s.mu.Lock()
	listeners := s.onOther
	s.mu.Unlock()
	for _, f := range listeners {
		f(OtherHistory{Partition: partition, Position: gone.position})
	}
}

// Watch checks every so often that the log is the one that this store remembers (see
// CheckHistory), until ctx ends. What keeps it from checking, others report.
func (s *Store) Watch(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			_ = s.CheckHistory(ctx)
		}
	}
}

// CheckHistory looks for the last event that the store remembers of each partition. If one is not
// there, the store forgets all that it knows of the log and tells those of OnOtherHistory.
func (s *Store) CheckHistory(ctx context.Context) error {
	known := make([]mark, s.partitions)
	var queries []string
	var args []any
	for p := range known {
		if known[p] = s.marks.of(p); known[p].position > 0 {
			queries = append(queries, fmt.Sprintf(`SELECT partition, hash FROM events WHERE partition = ?%d AND position = ?%d`, len(args)+1, len(args)+2))
			args = append(args, p, known[p].position)
		}
	}
	if len(queries) == 0 {
		return nil
	}
	stored, err := s.hashes(ctx, strings.Join(queries, " UNION ALL "), args)
	if err != nil {
		return fmt.Errorf("look for the last events that are remembered: %w", err)
	}
	for p, m := range known {
		if m.position > 0 && !bytes.Equal(stored[p], m.hash) {
			s.forget(p, m)
		}
	}
	return nil
}

// hashes reads hashes by partition.
func (s *Store) hashes(ctx context.Context, query string, args []any) (map[int][]byte, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, classify(err)
	}
	defer func() { _ = rows.Close() }()
	hashes := map[int][]byte{}
	for rows.Next() {
		var partition int
		var hash []byte
		if err := rows.Scan(&partition, &hash); err != nil {
			return nil, err
		}
		hashes[partition] = hash
	}
	return hashes, classify(s.db.Translate(rows.Err()))
}

// lockHead takes as many positions as the group could need; write gives back what it
// did not use. It reads the event at the mark too: the group is appended on what is remembered.
func (c *commit) lockHead(n int) []schema.Question {
	c.mark = c.store.marks.of(c.partition)
	return []schema.Question{
		{Query: `UPDATE heads SET head = head + ?1 WHERE partition = ?2`, Args: []any{n, c.partition}},
		{
			Query: `SELECT head, (SELECT hash FROM events WHERE partition = ?1 AND position = ?2) FROM heads WHERE partition = ?1`,
			Args:  []any{c.partition, c.mark.position},
			Read: func(rows *sql.Rows) error {
				if !rows.Next() {
					return errors.Join(fmt.Errorf("%w: partition %d has no head", domain.ErrCorrupt, c.partition), rows.Err())
				}
				return rows.Scan(&c.head, &c.marked)
			},
		},
	}
}

// otherHistory says whether what is remembered is not what is stored.
func (c *commit) otherHistory() bool {
	return c.locked && c.mark.position > 0 && !bytes.Equal(c.marked, c.mark.hash)
}
