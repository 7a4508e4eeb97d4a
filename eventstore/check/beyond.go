package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"orderflow/schema"
)

// Claim is a row that names a place beyond the head of its partition, where the log has nothing.
type Claim struct {
	What      string // what the row is, for people
	Mend      string // the command that mends it
	Partition int
	Position  int64 // what the row says
	Head      int64 // what there is
}

func (c Claim) String() string {
	return fmt.Sprintf("%s is at position %d of partition %d, and the log ends at %d", c.What, c.Position, c.Partition, c.Head)
}

// The commands that mend claims.
const (
	mendView    = "orderflow projections rebuild"
	mendOffsets = "orderflow offsets reset"
)

// source is a table whose rows name places of the log.
type source struct {
	what, mend string
	names      string // the columns that name a row
	table      string
	small      bool // a few rows for each partition, or for each worker
}

var sources = []source{
	{"the checkpoint of ", mendView, `t.projection, ''`, `checkpoints`, true},
	{"the offset of ", mendOffsets, `t.consumer_group, t.topic`, `consumer_offsets`, true},
	{"the message in flight of ", mendOffsets, `t.consumer_group, t.topic`, `inflight`, true},
	{"the message of ", mendOffsets, `'', t.topic`, `outbox`, false},
	{"the dead letter of ", mendOffsets, `t.consumer_group, t.topic`, `dead_letters`, false},
}

// Beyond finds checkpoints, offsets and messages in flight that are beyond their heads: a node that
// works by them passes over what is appended next. What it finds it has read twice, since the system
// may be running. It reads small tables only.
func Beyond(ctx context.Context, db *schema.DB) ([]Claim, error) {
	return twice(ctx, db, slices.DeleteFunc(slices.Clone(sources), func(s source) bool { return !s.small }))
}

// twice gives what is beyond its head in two readings: between them an append that the first saw by
// half has been committed.
func twice(ctx context.Context, db *schema.DB, sources []source) ([]Claim, error) {
	first, err := beyond(ctx, db, sources)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	second, err := beyond(ctx, db, sources)
	return slices.DeleteFunc(second, func(c Claim) bool {
		return !slices.ContainsFunc(first, func(f Claim) bool { f.Head = c.Head; return f == c })
	}), err
}

func beyond(ctx context.Context, db *schema.DB, sources []source) (found []Claim, err error) {
	for _, s := range sources {
		some, err := s.beyond(ctx, db)
		if err != nil {
			return nil, fmt.Errorf("compare %s with the heads: %w", s.table, db.Translate(err))
		}
		found = append(found, some...)
	}
	return found, nil
}

// beyond reads one table. Partition -1 of the checkpoints is the claim of a rebuild, and no place.
func (s source) beyond(ctx context.Context, db *schema.DB) (found []Claim, err error) {
	rows, err := db.QueryContext(ctx, `SELECT `+s.names+`, t.partition, t.position, COALESCE(h.head, 0)
		FROM `+s.table+` t LEFT JOIN heads h ON h.partition = t.partition
		WHERE t.position > COALESCE(h.head, 0) AND ('`+s.table+`' <> 'checkpoints' OR t.partition >= 0)`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var group, topic string
		c := Claim{Mend: s.mend}
		if err := rows.Scan(&group, &topic, &c.Partition, &c.Position, &c.Head); err != nil {
			return nil, err
		}
		c.What = s.what + strings.Trim(group+":"+topic, ":")
		found = append(found, c)
	}
	return found, rows.Err()
}

// beyond checks that nothing names a place that the log does not have.
func (c *run) beyond(ctx context.Context) error {
	found, err := twice(ctx, c.db, sources)
	for _, claim := range found {
		c.violation(Violation{Kind: BeyondHead, Partition: claim.Partition, Position: claim.Position, What: fmt.Sprintf("%s: run %q", claim, claim.Mend)})
	}
	if err != nil {
		return err
	}
	return c.unplaced(ctx)
}

// unplaced checks the head of the messages that no event caused: each of them waits, or a group has
// come to it.
func (c *run) unplaced(ctx context.Context) error {
	var head, last int64
	for range 2 {
		row := c.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(CASE WHEN x.kind = 0 THEN x.position END), 0), COALESCE(MAX(CASE WHEN x.kind = 1 THEN x.position END), 0) FROM (
			SELECT 0 AS kind, head AS position FROM heads WHERE partition = -1
			UNION ALL SELECT 1, position FROM outbox WHERE partition = -1
			UNION ALL SELECT 1, position FROM consumer_offsets WHERE partition = -1) x`)
		if err := row.Scan(&head, &last); err != nil {
			return fmt.Errorf("compare the head of partition -1: %w", c.db.Translate(err))
		}
		if head == last {
			return nil
		}
	}
	c.violation(Violation{Kind: Hole, Partition: -1, Position: last + 1, What: fmt.Sprintf("the last message is %d and the head says %d", last, head)})
	return nil
}
