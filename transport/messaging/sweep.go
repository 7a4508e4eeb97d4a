package messaging

import (
	"context"
	"fmt"
	"time"

	"orderflow/schema"
)

// passed is a partition of a topic whose first messages may go, up to a position that
// every group has claimed.
type passed struct {
	topic     string
	partition int
	position  int64
}

func (r *Retention) sweepMessages(ctx context.Context, before time.Time, removed *int64) error {
	places, err := r.passed(ctx, before)
	if err != nil {
		return fmt.Errorf("look for consumed messages: %w", err)
	}
	for _, p := range places {
		for more := true; more; {
			n, err := r.removeBatch(ctx, p, before)
			if err != nil {
				return fmt.Errorf("remove consumed messages of %s/%d: %w", p.topic, p.partition, err)
			}
			*removed += n
			more = n == int64(r.conf.Batch)
			if !rest(ctx, r.conf.Rest) {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// passed finds, in one statement, the partitions whose first message has been claimed
// by every group and is old enough. Where nothing is to be done, this is all it costs.
func (r *Retention) passed(ctx context.Context, before time.Time) ([]passed, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT o.topic, o.partition, o.position
		FROM (SELECT topic, partition, MIN(position) AS position FROM consumer_offsets GROUP BY topic, partition) o
		JOIN outbox m ON m.topic = o.topic AND m.partition = o.partition
			AND m.position = (SELECT MIN(f.position) FROM outbox f WHERE f.topic = o.topic AND f.partition = o.partition)
		WHERE m.position <= o.position AND m.created_at <= ?1`, schema.TimeArg(before))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []passed
	for rows.Next() {
		var p passed
		if err := rows.Scan(&p.topic, &p.partition, &p.position); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, r.db.Translate(rows.Err())
}

// removeBatch removes the old ones among the first messages. Whoever else does so at the
// same time finds fewer.
func (r *Retention) removeBatch(ctx context.Context, p passed, before time.Time) (n int64, err error) {
	err = r.db.InTx(ctx, func(tx *schema.Tx) error {
		n = 0
		var last, old int64
		row := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(position), 0), COUNT(*) FROM (
				SELECT m.position, m.created_at FROM outbox m WHERE m.topic = ?1 AND m.partition = ?2 AND m.position <= ?3
				ORDER BY m.position `+tx.Dialect().Limit("?4")+`) f
			WHERE f.created_at <= ?5`, p.topic, p.partition, p.position, r.conf.Batch, schema.TimeArg(before))
		if err := row.Scan(&last, &old); err != nil || old == 0 {
			return r.db.Translate(err)
		}
		n, err = affected(tx.ExecContext(ctx, `DELETE FROM outbox WHERE topic = ?1 AND partition = ?2 AND position <= ?3 AND created_at <= ?4`,
			p.topic, p.partition, last, schema.TimeArg(before)))
		return err
	})
	return n, err
}

const (
	// orphaned are in-flight rows of registrations that are not there.
	orphaned = ` WHERE node <> '' AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.node = inflight.node AND n.epoch = inflight.epoch)`
	// recoverDelay is how long such a message waits: by then a node whose registration was
	// removed knows it, and has stopped.
	recoverDelay = time.Minute
)

// ended is the condition for registrations that ended before ?1 and hold nothing, if a
// later one has the same name or they ended before ?2.
const ended = ` WHERE expires_at <= ?1
	AND NOT EXISTS (SELECT 1 FROM inflight i WHERE i.node = nodes.node AND i.epoch = nodes.epoch)
	AND (expires_at <= ?2 OR EXISTS (SELECT 1 FROM nodes l WHERE l.node = nodes.node AND l.epoch > nodes.epoch))`

// cutShort are the rows that probes left whose nodes have gone.
const cutShort = ` WHERE NOT EXISTS (SELECT 1 FROM nodes n WHERE n.node = probes.node)`

// sweepNodes removes registrations, and makes nobody's what is held by registrations
// that are not there: such messages would never be taken over. It begins no transaction
// when there is nothing to do.
func (r *Retention) sweepNodes(ctx context.Context, now time.Time, done *Swept) error {
	args := []any{schema.TimeArg(now.Add(-r.conf.KeepNodes)), schema.TimeArg(now.Add(-max(r.conf.KeepNodes, lastOfName)))}
	var orphans, nodes, probes int64
	row := r.db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM inflight`+orphaned+`), (SELECT COUNT(*) FROM nodes`+ended+`), (SELECT COUNT(*) FROM probes`+cutShort+`)`, args...)
	if err := row.Scan(&orphans, &nodes, &probes); err != nil {
		return fmt.Errorf("look for ended registrations: %w", r.db.Translate(err))
	}
	if orphans+nodes+probes == 0 {
		return nil
	}
	return r.db.InTx(ctx, func(tx *schema.Tx) (err error) {
		done.Recovered, err = affected(tx.ExecContext(ctx, `UPDATE inflight SET node = '', epoch = 0, interruptions = interruptions + 1,
			available_at = `+tx.Dialect().NowPlus("?1")+orphaned, recoverDelay.Milliseconds()))
		if err != nil {
			return fmt.Errorf("recover messages without a node: %w", err)
		}
		if done.Nodes, err = affected(tx.ExecContext(ctx, `DELETE FROM nodes`+ended, args...)); err != nil {
			return fmt.Errorf("remove ended registrations: %w", err)
		}
		if _, err = tx.ExecContext(ctx, `DELETE FROM probes`+cutShort); err != nil {
			return fmt.Errorf("remove probes that were cut short: %w", err)
		}
		return nil
	})
}
