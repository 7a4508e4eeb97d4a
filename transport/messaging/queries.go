package messaging

import (
	"context"
	"fmt"
	"strings"

	"orderflow/schema"
)

// queries are the statements of a subscriber for the topics it serves.
type queries struct {
	topics       []string // the first to be served first
	look         string   // ?1 group; gives topic, partition, returned
	lockOffset   string   // ?1 group, ?2 topic, ?3 partition
	readNew      string   // ?1 group, ?2 topic, ?3 partition, ?4 most
	readReturned string   // ?1 group, ?2 topic, ?3 most
}

// abandoned are the in-flight rows that may be claimed: given back and due, or of a
// registration that has expired. Both parts are served by the index inflight_node.
func abandoned(d schema.Dialect, columns, condition string) string {
	return `SELECT ` + columns + ` FROM inflight i WHERE i.node = '' AND i.epoch = 0 AND i.consumer_group = ?1 AND ` + condition + `
			AND i.available_at <= ` + d.Now() + `
		UNION ALL
		SELECT ` + columns + ` FROM nodes n JOIN inflight i ON i.node = n.node AND i.epoch = n.epoch
			WHERE n.expires_at <= ` + d.Now() + ` AND i.consumer_group = ?1 AND ` + condition
}

// makeQueries writes the statements. Topic names are safe to write into SQL, since
// topicName allows nothing that would need quoting.
func makeQueries(d schema.Dialect, c Config, topics []string) queries {
	q := queries{topics: topics}
	if len(topics) == 0 {
		return q
	}
	list := `('` + strings.Join(topics, `', '`) + `')`
	q.look = `SELECT o.topic, o.partition, 0 FROM consumer_offsets o WHERE o.consumer_group = ?1 AND o.topic IN ` + list + `
			AND EXISTS (SELECT 1 FROM outbox m WHERE m.topic = o.topic AND m.partition = o.partition AND m.position > o.position)
		UNION ALL
		SELECT DISTINCT a.topic, -1, 1 FROM (` + abandoned(d, `i.topic`, `i.topic IN `+list) + `) a`
	q.readReturned = `SELECT a.partition, a.position, a.uuid, a.payload, a.metadata, a.node, a.epoch, a.attempt, a.interruptions FROM (` +
		abandoned(d, `i.partition, i.position, i.uuid, i.payload, i.metadata, i.node, i.epoch, i.attempt, i.interruptions`, `i.topic = ?2`) +
		`) a ORDER BY a.partition, a.position ` + d.Limit("?3")
	q.readNew = `SELECT m.position, m.uuid, m.payload, m.metadata FROM outbox m
		WHERE m.topic = ?2 AND m.partition = ?3 AND m.position >
			(SELECT o.position FROM consumer_offsets o WHERE o.consumer_group = ?1 AND o.topic = ?2 AND o.partition = ?3)
		ORDER BY m.position ` + d.Limit("?4")
	// On SQL Server, READPAST passes over an offset that another node is claiming from instead
	// of waiting for it; without the hint the update waits a moment, which is as right.
	hint := ``
	if d.Name() == "sqlserver" {
		hint = ` WITH (ROWLOCK, READPAST)`
	}
	q.lockOffset = `UPDATE consumer_offsets` + hint + ` SET position = position WHERE consumer_group = ?1 AND topic = ?2 AND partition = ?3`
	return q
}

// initOffsets makes the group's offset rows of a topic, one for each partition, where
// they are missing.
func (s *Subscriber) initOffsets(ctx context.Context, topic string) error {
	missing := ` FROM heads h WHERE NOT EXISTS (SELECT 1 FROM consumer_offsets o
		WHERE o.consumer_group = ?1 AND o.topic = ?2 AND o.partition = h.partition)`
	var n int
	if err := s.db.QueryRowContext(ctx, `SELECT COUNT(*)`+missing, s.conf.Group, topic).Scan(&n); err != nil {
		return fmt.Errorf("offsets of group %s: %w", s.conf.Group, s.db.Translate(err))
	}
	if n == 0 {
		return nil
	}
	err := s.db.InTx(ctx, func(tx *schema.Tx) error {
		// The heads' row orders those who do this at once; the second finds nothing missing.
		if _, err := tx.ExecContext(ctx, `UPDATE heads SET head = head WHERE partition = ?1`, unplaced); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position)
			SELECT ?1, ?2, h.partition, 0`+missing, s.conf.Group, topic)
		return err
	})
	if err != nil {
		return fmt.Errorf("offsets of group %s: %w", s.conf.Group, err)
	}
	return nil
}
