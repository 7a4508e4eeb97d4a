package messaging

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/schema"
)

// longGone is how long the latest registration of a name is kept at least: were it
// removed, the name's next registration would begin with an epoch that a process which
// was suspended all the while still takes for its own.
const longGone = 30 * 24 * time.Hour

// RetentionConfig is how long what has been dealt with is kept. Zero fields take their
// defaults.
type RetentionConfig struct {
	// Keep is how long messages that every consumer group has claimed are kept, and
	// registrations of nodes that have ended. 24 h by default.
	Keep time.Duration
	// Every is the time between two rounds, give or take a tenth. 1 min by default.
	Every time.Duration
	// Batch is how many rows one transaction removes at most. 500 by default.
	Batch int
	// Rest is the pause between two transactions. 50 ms by default.
	Rest time.Duration
	// Logger hears of errors, which end a round and not the retention. Silent if nil.
	Logger watermill.LoggerAdapter
}

func (c RetentionConfig) withDefaults() RetentionConfig {
	if c.Keep == 0 {
		c.Keep = 24 * time.Hour
	}
	if c.Every == 0 {
		c.Every = time.Minute
	}
	if c.Batch == 0 {
		c.Batch = 500
	}
	if c.Rest == 0 {
		c.Rest = 50 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = watermill.NopLogger{}
	}
	return c
}

// Retention removes old messages and registrations, a few at a time. Any number of
// nodes may run one.
type Retention struct {
	db   *schema.DB
	conf RetentionConfig
}

// NewRetention gives the retention of a database.
func NewRetention(db *schema.DB, c RetentionConfig) *Retention {
	return &Retention{db: db, conf: c.withDefaults()}
}

// Run removes what is old, round by round, until ctx ends. It returns nil.
func (r *Retention) Run(ctx context.Context) error {
	for {
		// Nodes that started together do not clean together.
		if !pause(ctx, r.conf.Every*9/10+rand.N(r.conf.Every/5+1)) {
			return nil
		}
		if err := r.Round(ctx); err != nil && ctx.Err() == nil {
			r.conf.Logger.Error("old messages could not be removed; trying again later", err, nil)
		}
	}
}

// Round removes everything that is old now.
func (r *Retention) Round(ctx context.Context) error {
	consumed, err := r.consumed(ctx)
	if err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	for _, c := range consumed {
		if err := r.batches(ctx, func(tx *schema.Tx) (bool, error) { return r.removeMessages(ctx, tx, c) }); err != nil {
			return fmt.Errorf("retention: messages of %s, partition %d: %w", c.topic, c.partition, err)
		}
	}
	if err := r.batches(ctx, func(tx *schema.Tx) (bool, error) { return false, r.removeNodes(ctx, tx) }); err != nil {
		return fmt.Errorf("retention: registrations: %w", err)
	}
	return nil
}

// batches has remove called, each time in a transaction of its own, while it says that
// there is more.
func (r *Retention) batches(ctx context.Context, remove func(*schema.Tx) (more bool, err error)) error {
	for {
		var more bool
		err := r.db.InTx(ctx, func(tx *schema.Tx) (err error) {
			more, err = remove(tx)
			return err
		})
		if err != nil || !more {
			return err
		}
		if !pause(ctx, r.conf.Rest) {
			return ctx.Err()
		}
	}
}

// consumed is up to where every consumer group has claimed a partition of a topic.
type consumed struct {
	topic     string
	partition int
	position  int64
}

// consumed asks for partitions that have an old message at their front only, so that a
// round without work writes nothing.
func (r *Retention) consumed(ctx context.Context) ([]consumed, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT o.topic, o.partition, o.position
		FROM (SELECT topic, partition, MIN(position) AS position FROM consumer_offsets GROUP BY topic, partition) o
		WHERE EXISTS (SELECT 1 FROM outbox m WHERE m.topic = o.topic AND m.partition = o.partition AND m.position <= o.position
			AND m.position = (SELECT MIN(f.position) FROM outbox f WHERE f.topic = o.topic AND f.partition = o.partition)
			AND m.created_at < ?1)`, ago(r.conf.Keep))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []consumed
	for rows.Next() {
		var c consumed
		if err := rows.Scan(&c.topic, &c.partition, &c.position); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, r.db.Translate(rows.Err())
}

// removeMessages removes the next messages in the order of their positions, up to the
// first that is to be kept.
func (r *Retention) removeMessages(ctx context.Context, tx *schema.Tx, c consumed) (more bool, err error) {
	last, found, err := r.lastOld(ctx, tx, c)
	if err != nil || found == 0 {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM outbox WHERE topic = ?1 AND partition = ?2 AND position <= ?3`, c.topic, c.partition, last)
	return found == r.conf.Batch, err
}

// lastOld reads the batch at the front and says where those that are old end.
func (r *Retention) lastOld(ctx context.Context, tx *schema.Tx, c consumed) (last int64, found int, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT position, CASE WHEN created_at < ?4 THEN 1 ELSE 0 END FROM outbox
		WHERE topic = ?1 AND partition = ?2 AND position <= ?3 ORDER BY position `+tx.Dialect().Limit("?5"),
		c.topic, c.partition, c.position, ago(r.conf.Keep), r.conf.Batch)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var position int64
		var old bool
		if err := rows.Scan(&position, &old); err != nil {
			return 0, 0, err
		}
		if !old {
			break
		}
		last, found = position, found+1
	}
	return last, found, errors.Join(r.db.Translate(rows.Err()), rows.Close())
}

// removeNodes removes registrations that have ended and hold nothing: those that a later
// one of the same name has replaced, and any that are long gone.
func (r *Retention) removeNodes(ctx context.Context, tx *schema.Tx) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM nodes WHERE expires_at < ?1
		AND NOT EXISTS (SELECT 1 FROM inflight i WHERE i.node = nodes.node AND i.epoch = nodes.epoch)
		AND (expires_at < ?2 OR EXISTS (SELECT 1 FROM nodes later WHERE later.node = nodes.node AND later.epoch > nodes.epoch))`,
		ago(r.conf.Keep), ago(max(r.conf.Keep, longGone)))
	return err
}

// ago is a time by this node's clock, which is good enough for what is hours old.
func ago(d time.Duration) string { return schema.TimeArg(time.Now().Add(-d)) }

// pause waits for d; false if ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
