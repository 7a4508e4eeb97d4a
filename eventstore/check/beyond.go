package check

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"orderflow/domain/work"
	"orderflow/schema"
)

// Overrun is a row that names a position beyond the last event of its partition, or a head that is not at the last
// event.
type Overrun struct {
	What      string // what the row is, for people
	Mend      string // the command that mends it
	Partition int
	Position  int64 // in the row
	Head      int64 // the end of the log
}

func (c Overrun) String() string {
	return fmt.Sprintf("%s is at position %d of partition %d, and the log ends at %d", c.What, c.Position, c.Partition, c.Head)
}

// The commands that mend overruns.
const (
	mendView    = "orderflow projections rebuild"
	mendOffsets = "orderflow offsets reset"
)

// source is a table whose rows name positions of the log. The query gives the rows that are beyond the end of the
// log: group, topic, partition, position and the end.
type source struct {
	what, mend string
	query      func(d schema.Dialect) string
}

var (
	checkpointRows = source{"the checkpoint of ", mendView, of("checkpoints", "t.projection, ''")}
	offsetRows     = source{"the offset of ", mendOffsets, of("consumer_offsets", "t.consumer_group, t.topic")}
	inflightRows   = source{"the message in flight of ", mendOffsets, of("inflight", "t.consumer_group, t.topic")}
	messageRows    = source{"the message of ", mendOffsets, of("outbox", "'', t.topic")}
	letterRows     = source{"the dead letter of ", mendOffsets, of("dead_letters", "t.consumer_group, t.topic")}

	lastMessageRows = source{"the message of ", mendOffsets, lastMessages}
	headRows        = source{"the head", mendOffsets, lastEvents}
)

// of reads a whole table. Partition -1 of the checkpoints is the lock of a rebuild, and no position.
func of(table, names string) func(schema.Dialect) string {
	return func(schema.Dialect) string {
		return `SELECT ` + names + `, t.partition, t.position, COALESCE(h.head, 0)
			FROM ` + table + ` t LEFT JOIN heads h ON h.partition = t.partition
			WHERE t.position > COALESCE(h.head, 0) AND ('` + table + `' <> 'checkpoints' OR t.partition >= 0)`
	}
}

// lastMessages reads the last message of each topic and partition, and no other.
func lastMessages(d schema.Dialect) string {
	return `SELECT '', x.topic, x.partition, x.position, x.head FROM (
			SELECT t.topic, h.partition, h.head, (SELECT m.position FROM outbox m
				WHERE m.topic = t.topic AND m.partition = h.partition ORDER BY m.position DESC ` + d.Limit("1") + `) AS position
			FROM heads h CROSS JOIN (SELECT topic FROM consumer_offsets UNION SELECT '` + strings.Join(work.Topics(), `' UNION SELECT '`) + `') t) x
		WHERE x.position > x.head`
}

// lastEvents reads the last event of each partition, and no other. A head that is before it is wrong
// too: what is appended next finds its place taken.
func lastEvents(d schema.Dialect) string {
	return `SELECT '', '', x.partition, x.head, COALESCE(x.position, 0) FROM (
			SELECT h.partition, h.head, (SELECT e.position FROM events e
				WHERE e.partition = h.partition ORDER BY e.position DESC ` + d.Limit("1") + `) AS position
			FROM heads h WHERE h.partition >= 0) x
		WHERE x.head <> COALESCE(x.position, 0)`
}

// Beyond finds heads that are not at the last event of their partition, and checkpoints, offsets and
// messages that are beyond their heads: a node that works by them passes over what is appended next, or
// can append nothing. What it finds it has read twice, since the system may be running. It reads small
// tables, and one row for each partition of the events and for each topic and partition of the outbox.
func Beyond(ctx context.Context, db *schema.DB) ([]Overrun, error) {
	return twice(ctx, db, []source{headRows, checkpointRows, offsetRows, inflightRows, lastMessageRows})
}

// twice reads the sources twice and gives what is beyond its head both times. The first reading may fall into the
// middle of an append, which is committed before the second.
func twice(ctx context.Context, db *schema.DB, sources []source) ([]Overrun, error) {
	first, err := beyond(ctx, db, sources)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	second, err := beyond(ctx, db, sources)
	return slices.DeleteFunc(second, func(c Overrun) bool {
		return !slices.ContainsFunc(first, func(f Overrun) bool { f.Head = c.Head; return f == c })
	}), err
}

func beyond(ctx context.Context, db *schema.DB, sources []source) (found []Overrun, err error) {
	for _, s := range sources {
		some, err := s.beyond(ctx, db)
		if err != nil {
			return nil, fmt.Errorf("compare %s with the end of the log: %w", strings.TrimSuffix(s.what, " of "), err)
		}
		found = append(found, some...)
	}
	return found, nil
}

func (s source) beyond(ctx context.Context, db *schema.DB) ([]Overrun, error) {
	return schema.Collect(ctx, db, func(rows *sql.Rows, c *Overrun) error {
		var group, topic string
		err := rows.Scan(&group, &topic, &c.Partition, &c.Position, &c.Head)
		c.What, c.Mend = s.what+strings.Trim(group+":"+topic, ":"), s.mend
		return err
	}, s.query(db.Dialect()))
}

// beyond checks that no row names a position that the log does not have.
func (l *look) beyond(ctx context.Context) error {
	found, err := twice(ctx, l.db, []source{checkpointRows, offsetRows, inflightRows, messageRows, letterRows})
	for _, o := range found {
		l.found(Violation{Kind: BeyondHead, Partition: o.Partition, Position: o.Position, What: fmt.Sprintf("%s: run %q", o, o.Mend)})
	}
	if err != nil {
		return err
	}
	return l.unplaced(ctx)
}

// unplaced checks the head of the messages that no event caused. It is the position of the last message,
// which waits or was claimed by a group.
func (l *look) unplaced(ctx context.Context) error {
	var head, last int64
	for range 2 {
		row := l.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(CASE WHEN x.kind = 0 THEN x.position END), 0), COALESCE(MAX(CASE WHEN x.kind = 1 THEN x.position END), 0) FROM (
			SELECT 0 AS kind, head AS position FROM heads WHERE partition = -1
			UNION ALL SELECT 1, position FROM outbox WHERE partition = -1
			UNION ALL SELECT 1, position FROM consumer_offsets WHERE partition = -1) x`)
		if err := row.Scan(&head, &last); err != nil {
			return fmt.Errorf("compare the head of partition -1: %w", l.db.Translate(err))
		}
		if head == last {
			return nil
		}
	}
	l.found(Violation{Kind: Hole, Partition: -1, Position: last + 1, What: fmt.Sprintf("the last message is %d and the head says %d", last, head)})
	return nil
}
