package inflight

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain/work"
	"orderflow/schema"
)

// LossesConfig is how lost nodes are told of. Zero fields take their defaults.
type LossesConfig struct {
	// Every is the time between looks for lost nodes whose work nobody takes over, such as
	// those that had none. 2.5 s by default.
	Every time.Duration
	// Logger hears of lost nodes: one warning for each. Silent if nil.
	Logger *logrus.Entry
}

// Losses tells of nodes that were lost, and counts them. The subscribers of a process share
// one. A node is lost when its registration has expired and somebody has declared it lost, by
// the database's clock: it may have crashed, be cut off or be paused.
type Losses struct {
	db   *schema.DB
	conf LossesConfig

	mu     sync.Mutex
	losses map[work.Registration]*told

	lost, takeOvers atomic.Int64
}

// NewLosses makes what the subscribers of a process tell of lost nodes to.
func NewLosses(db *schema.DB, c LossesConfig) *Losses {
	if c.Every == 0 {
		c.Every = 2500 * time.Millisecond
	}
	if c.Logger == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		c.Logger = logrus.NewEntry(silent)
	}
	return &Losses{db: db, conf: c, losses: map[work.Registration]*told{}}
}

// Lost counts the registrations that this process was the first to declare lost: over all
// processes, each counts once.
func (x *Losses) Lost() int64 { return x.lost.Load() }

// TakeOvers counts the messages that this process has taken over from registrations that had ended.
func (x *Losses) TakeOvers() int64 { return x.takeOvers.Load() }

// gather is how long what happens to one lost node is gathered, so that one line tells of it.
const gather = time.Second

// Run tells of lost nodes, and looks for those whose work nobody takes over, until ctx ends, when
// it gives nil.
func (x *Losses) Run(ctx context.Context) error {
	defer x.say()
	tick := time.NewTicker(gather)
	defer tick.Stop()
	for looked := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		x.say()
		if time.Since(looked) < x.conf.Every {
			continue
		}
		looked = time.Now()
		if err := x.Look(ctx); err != nil && ctx.Err() == nil {
			x.conf.Logger.WithError(err).Warn("lost nodes could not be looked for; trying again")
		}
	}
}

// untaken is how long a registration must have expired before a look declares it lost: those
// who take its work over come first, and can say how much it was.
const untaken = time.Second

// Look declares lost what has expired and is not declared yet.
func (x *Losses) Look(ctx context.Context) error {
	expired, err := x.expired(ctx)
	if err != nil || len(expired) == 0 {
		return err
	}
	var losses []*loss
	err = x.db.InTx(ctx, func(tx *schema.Tx) error {
		losses = nil
		for _, t := range expired {
			l, err := declareLost(ctx, tx, t)
			if err != nil {
				return err
			}
			if l != nil && l.first {
				losses = append(losses, l)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("declare nodes lost: %w", err)
	}
	x.tell(losses)
	return nil
}

func (x *Losses) expired(ctx context.Context) ([]work.Registration, error) {
	rows, err := x.db.QueryContext(ctx, `SELECT node, epoch FROM nodes
		WHERE state <> ?1 AND state <> ?2 AND expires_at <= `+x.db.Dialect().NowPlus("?3")+` ORDER BY node, epoch`,
		work.NodeStopped, work.NodeLost, -untaken.Milliseconds())
	if err != nil {
		return nil, fmt.Errorf("look for lost nodes: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []work.Registration
	for rows.Next() {
		var t work.Registration
		if err := rows.Scan(&t.Node, &t.Epoch); err != nil {
			return nil, fmt.Errorf("look for lost nodes: %w", err)
		}
		all = append(all, t)
	}
	return all, x.db.Translate(rows.Err())
}

// told is a registration that had ended, with all that this process took over from it.
type told struct {
	*loss
	news bool // something is to be said
	said bool // something was said before
}

// tell counts what a committed transaction found lost and took over, to be said soon.
func (x *Losses) tell(losses []*loss) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, l := range losses {
		x.takeOvers.Add(int64(l.taken))
		if l.first {
			x.lost.Add(1)
		}
		if !l.first && l.taken == 0 {
			continue
		}
		known := x.losses[l.registration]
		if known == nil {
			x.losses[l.registration] = &told{loss: l, news: true}
			continue
		}
		known.taken, known.news = known.taken+l.taken, true
	}
}

// mostTold bounds what is remembered of registrations that were told of.
const mostTold = 1000

// say logs what was told and not said yet.
func (x *Losses) say() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, l := range x.losses {
		if l.news {
			x.log(l)
		}
	}
	if len(x.losses) > mostTold {
		clear(x.losses)
	}
}

// log says what is known of one registration. x.mu is held.
func (x *Losses) log(l *told) {
	entry := x.conf.Logger.WithFields(logrus.Fields{"lost_node": l.registration.Node, "lost_epoch": l.registration.Epoch, "orders_taken_over": l.taken})
	switch {
	case l.stopped:
		entry.Info("took over orders that a node which was stopped had left")
	case l.said:
		entry.Info("took over more orders of a lost node")
	default:
		entry.WithFields(logrus.Fields{"last_heartbeat": instant(l.heartbeat), "expired_at": instant(l.expired)}).
			Warn("a node was lost: it did not renew its registration in time")
	}
	l.news, l.said = false, true
}

// instant is a time of the database, for a line of the log.
func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
