package retention

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"orderflow/schema"
)

// Sweeper removes rows that nobody needs any more. See the package documentation for what it promises.
type Sweeper struct {
	db   *schema.DB
	conf Config
}

// New makes a sweeper. If the configuration does not fit, Run and Sweep give an error of kind
// domain.ErrInvalid.
func New(db *schema.DB, c Config) *Sweeper {
	return &Sweeper{db: db, conf: c.withDefaults()}
}

// Run sweeps every Config.Every until ctx ends, and gives nil then. A sweep that fails is logged, and done
// again the next time.
func (r *Sweeper) Run(ctx context.Context) error {
	if err := r.conf.validate(); err != nil {
		return err
	}
	for {
		// Nodes that started together do not sweep together.
		if !rest(ctx, r.conf.Every*9/10+rand.N(r.conf.Every/5+1)) {
			return nil
		}
		if _, err := r.Sweep(ctx); err != nil && ctx.Err() == nil {
			r.conf.Logger.WithError(err).Error("old messages and registrations could not be removed; trying again later")
		}
	}
}

// Swept is what a sweep removed.
type Swept struct {
	Messages int64
	Nodes    int64
	// Recovered counts messages in flight under registrations that somebody has removed by hand. They can
	// be claimed again.
	Recovered int64
}

// Sweep removes all that may be removed now. It says how much it has removed, also when it fails halfway.
func (r *Sweeper) Sweep(ctx context.Context) (Swept, error) {
	if err := r.conf.validate(); err != nil {
		return Swept{}, err
	}
	var done Swept
	var now schema.Time // the database's
	err := r.db.Translate(r.db.QueryRowContext(ctx, `SELECT `+r.db.Dialect().Now()).Scan(&now))
	if err == nil {
		err = r.sweepMessages(ctx, now.Add(-r.conf.Keep), &done.Messages)
	}
	if err == nil || errors.Is(err, schema.ErrBusy) {
		err = errors.Join(err, r.sweepNodes(ctx, now.Time, &done))
	}
	if err != nil {
		return done, fmt.Errorf("retention: %w", err)
	}
	return done, nil
}

// consumed is a partition of a topic whose first messages may go, up to a position that
// every group has claimed.
type consumed struct {
	topic     string
	partition int
	position  int64
}

// sweepMessages goes through the partitions. One in which somebody holds a row is left to the next sweep, and
// told as an error when all others are done.
func (r *Sweeper) sweepMessages(ctx context.Context, before time.Time, removed *int64) error {
	partitions, err := r.consumed(ctx, before)
	if err != nil {
		return fmt.Errorf("look for consumed messages: %w", err)
	}
	var busy []error
	for _, p := range partitions {
		for more := true; more; {
			n, err := r.removeBatch(ctx, p, before)
			if err != nil {
				err = fmt.Errorf("remove consumed messages of %s/%d: %w", p.topic, p.partition, err)
			}
			if errors.Is(err, schema.ErrBusy) {
				busy = append(busy, err)
			} else if err != nil {
				return err
			}
			*removed += n
			more = n == int64(r.conf.Batch)
			if !rest(ctx, r.conf.Rest) {
				return context.Cause(ctx)
			}
		}
	}
	return errors.Join(busy...)
}

// consumed finds, in one statement, the partitions whose first message has been claimed
// by every group and is old enough. Where nothing is to be done, this is all it costs: a look into an index for
// each partition, however many messages wait there. It passes over no offset: that of a slow group would be
// missed.
func (r *Sweeper) consumed(ctx context.Context, before time.Time) ([]consumed, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	d := r.db.Dialect()
	return schema.Collect(ctx, r.db, func(rows *sql.Rows, p *consumed) error {
		return rows.Scan(&p.topic, &p.partition, &p.position)
	}, `SELECT o.topic, o.partition, o.position
		FROM (SELECT topic, partition, MIN(position) AS position FROM consumer_offsets GROUP BY topic, partition) o
		WHERE (SELECT m.created_at FROM outbox m`+d.SkipLocked()+` WHERE m.topic = o.topic AND m.partition = o.partition AND m.position <= o.position
			ORDER BY m.position `+d.Limit("1")+`) <= ?1`, schema.TimeArg(before))
}

// A sweep waits for a row that somebody has locked for lockWait if it is one to remove, and for lookWait where
// readers wait for writers.
const (
	lockWait = 250 * time.Millisecond
	lookWait = 15 * time.Second
)

// removeBatch removes the old ones among the first messages. Whoever else does so at the same time finds
// fewer.
func (r *Sweeper) removeBatch(ctx context.Context, p consumed, before time.Time) (n int64, err error) {
	err = r.db.InTxBrief(ctx, lockWait, func(tx *schema.Tx) error {
		d := tx.Dialect()
		n, err = affected(tx.ExecContext(ctx, `DELETE FROM outbox`+d.SkipLocked()+` WHERE topic = ?1 AND partition = ?2 AND created_at <= ?5 AND position <=
			(SELECT MAX(f.position) FROM (SELECT m.position FROM outbox m`+d.SkipLocked()+` WHERE m.topic = ?1 AND m.partition = ?2 AND m.position <= ?3
				ORDER BY m.position `+d.Limit("?4")+`) f)`, p.topic, p.partition, p.position, r.conf.Batch, schema.TimeArg(before)))
		return err
	})
	return n, err
}

// orphaned are in-flight rows of registrations that are not there. An update sees the rows that it changes as they are
// now. So it must see the registrations, with READ_COMMITTED_SNAPSHOT too: one that is not in the statement's snapshot
// may have claimed a message since.
func orphaned(d schema.Dialect) string {
	hint := ``
	if d.Name() == "sqlserver" {
		hint = ` WITH (ROWLOCK, READCOMMITTEDLOCK)`
	}
	return ` WHERE node <> '' AND NOT EXISTS (SELECT 1 FROM nodes n` + hint + ` WHERE n.node = inflight.node AND n.epoch = inflight.epoch)`
}

// recoverDelay is how long such a message waits: by then a node whose registration was
// removed knows it, and has stopped.
const recoverDelay = time.Minute

// lastOfName is how long the latest registration of a node's name is kept. The next
// epoch is counted from it: were it gone, a process that has been suspended all the while
// could renew the registration of its successor.
const lastOfName = 30 * 24 * time.Hour

// ended is the condition for registrations that ended before ?1 and have nothing in flight, and of which a
// later one of the same name is there, or which ended before ?2.
const ended = ` WHERE expires_at <= ?1
	AND NOT EXISTS (SELECT 1 FROM inflight i WHERE i.node = nodes.node AND i.epoch = nodes.epoch)
	AND (expires_at <= ?2 OR EXISTS (SELECT 1 FROM nodes l WHERE l.node = nodes.node AND l.epoch > nodes.epoch))`

// cutShort are the rows that probes left whose nodes have gone.
const cutShort = ` WHERE NOT EXISTS (SELECT 1 FROM nodes n WHERE n.node = probes.node)`

// meantNobody are the controls of registrations that are not there.
const meantNobody = ` WHERE epoch <> 0 AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.node = controls.name AND n.epoch = controls.epoch)`

// sweepNodes removes registrations with what belonged to them, and makes nobody's what is held by registrations
// that are not there: such messages would never be taken over. It begins no transaction
// when there is nothing to do.
func (r *Sweeper) sweepNodes(ctx context.Context, now time.Time, done *Swept) error {
	args := []any{schema.TimeArg(now.Add(-r.conf.KeepNodes)), schema.TimeArg(now.Add(-max(r.conf.KeepNodes, lastOfName)))}
	before := schema.TimeArg(now.Add(-keepCounts))
	look, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	var orphans, nodes, probes, controls, minutes int64
	row := r.db.QueryRowContext(look, `SELECT (SELECT COUNT(*) FROM inflight`+orphaned(r.db.Dialect())+`), (SELECT COUNT(*) FROM nodes`+ended+`), (SELECT COUNT(*) FROM probes`+cutShort+`),
		(SELECT COUNT(*) FROM controls`+meantNobody+`), (SELECT COUNT(*) FROM minutes`+past+`)`, append(args, before)...)
	if err := row.Scan(&orphans, &nodes, &probes, &controls, &minutes); err != nil {
		return fmt.Errorf("look for ended registrations: %w", r.db.Translate(err))
	}
	if orphans+nodes+probes+controls+minutes == 0 {
		return nil
	}
	hint := r.db.Dialect().SkipLocked()
	return r.db.InTxBrief(ctx, lockWait, func(tx *schema.Tx) (err error) {
		done.Recovered, err = affected(tx.ExecContext(ctx, `UPDATE inflight`+hint+` SET node = '', epoch = 0, interruptions = interruptions + 1,
			available_at = `+tx.Dialect().NowPlus("?1")+orphaned(tx.Dialect()), recoverDelay.Milliseconds()))
		if err != nil {
			return fmt.Errorf("recover messages without a node: %w", err)
		}
		if done.Nodes, err = affected(tx.ExecContext(ctx, `DELETE FROM nodes`+hint+ended, args...)); err != nil {
			return fmt.Errorf("remove ended registrations: %w", err)
		}
		if _, err = tx.ExecContext(ctx, `DELETE FROM probes`+hint+cutShort); err != nil {
			return fmt.Errorf("remove probes that were cut short: %w", err)
		}
		if _, err = tx.ExecContext(ctx, `DELETE FROM controls`+hint+meantNobody); err != nil {
			return fmt.Errorf("remove controls of registrations that are gone: %w", err)
		}
		if minutes > 0 {
			err = r.removeMinutes(ctx, tx, before)
		}
		return err
	})
}

// rest waits, and says no if ctx ends first.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// affected is how many rows a statement changed.
func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
