package inflight

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain/work"
	"orderflow/schema"
)

// LossesConfig says how Losses works. Zero fields take their defaults.
type LossesConfig struct {
	// Every is the time between looks for lost nodes whose work nobody takes over, such as
	// those that had none. 2.5 s by default.
	Every time.Duration
	// Logger hears of lost nodes: one warning for each. Silent if nil.
	Logger *logrus.Entry
}

// Losses counts nodes that were lost and logs them. The subscribers of a process share one. A node is lost
// when its registration has expired, by the database's clock, and somebody has declared it lost: it may have
// crashed, be cut off or be paused.
type Losses struct {
	db   *schema.DB
	conf LossesConfig

	mu   sync.Mutex
	told map[work.Registration]*told

	lost, takeOvers atomic.Int64
}

// NewLosses makes the Losses of a process.
func NewLosses(db *schema.DB, c LossesConfig) *Losses {
	c.Every = cmp.Or(c.Every, 2500*time.Millisecond)
	if c.Logger == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		c.Logger = logrus.NewEntry(silent)
	}
	return &Losses{db: db, conf: c, told: map[work.Registration]*told{}}
}

// Lost counts the registrations that this process was the first to declare lost: over all
// processes, each counts once.
func (x *Losses) Lost() int64 { return x.lost.Load() }

// TakeOvers counts the messages that this process has taken over from registrations that had ended.
func (x *Losses) TakeOvers() int64 { return x.takeOvers.Load() }

// gather is how long news of a lost node is gathered, so that one line tells it all.
const gather = time.Second

// Run logs lost nodes, and looks for lost nodes whose work nobody takes over, until ctx ends. Then it
// gives nil.
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

// untaken is how long a registration must have expired before a look declares it lost. Nodes that take its
// work over come first, since they can say how much it was.
const untaken = time.Second

// Look declares registrations lost that have expired and are not declared lost yet.
func (x *Losses) Look(ctx context.Context) error {
	expired, err := schema.Collect(ctx, x.db, func(rows *sql.Rows, r *work.Registration) error { return rows.Scan(&r.Node, &r.Epoch) },
		`SELECT node, epoch FROM nodes`+x.db.Dialect().SkipLocked()+`
		WHERE state <> ?1 AND state <> ?2 AND expires_at <= `+x.db.Dialect().NowPlus("?3")+` ORDER BY node, epoch`,
		work.NodeStopped, work.NodeLost, -untaken.Milliseconds())
	if err != nil {
		return fmt.Errorf("look for lost nodes: %w", err)
	}
	if len(expired) == 0 {
		return nil
	}
	inTx := func(ctx context.Context, f func(*schema.Tx) error) error { return x.db.InTxBrief(ctx, briefly, f) }
	for _, r := range expired { // each apart, so that one whose row somebody holds does not keep the others
		oneErr := x.declare(ctx, inTx, r)
		if oneErr != nil {
			err = errors.Join(err, fmt.Errorf("declare node %s/%d lost: %w", r.Node, r.Epoch, oneErr))
		}
		if oneErr != nil && !errors.Is(oneErr, schema.ErrBusy) {
			break
		}
	}
	return err
}

// declare declares a registration lost if it has expired.
func (x *Losses) declare(ctx context.Context, inTx func(context.Context, func(*schema.Tx) error) error, r work.Registration) error {
	found := losses{}
	err := inTx(ctx, func(tx *schema.Tx) error {
		clear(found)
		return tx.Ask(ctx, found.declare(tx.Dialect(), []work.Registration{r})...)
	})
	if err == nil {
		x.tell(found)
	}
	return err
}

// told is a registration that had ended, with all that this process took over from it.
type told struct {
	*loss
	news bool // something is to be said
	said bool // something was said before
}

// tell counts the losses and take-overs of a committed transaction, to be logged soon.
func (x *Losses) tell(found losses) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for r, l := range found {
		if !l.first && l.taken == 0 {
			continue
		}
		x.takeOvers.Add(int64(l.taken))
		if l.first {
			x.lost.Add(1)
		}
		if known := x.told[r]; known != nil {
			known.taken, known.news = known.taken+l.taken, true
		} else {
			x.told[r] = &told{loss: l, news: true}
		}
	}
}

// mostTold bounds what is remembered of registrations that were told of.
const mostTold = 1000

// say logs what was told and not said yet.
func (x *Losses) say() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for r, l := range x.told {
		if l.news {
			l.log(x.conf.Logger.WithFields(logrus.Fields{"lost_node": r.Node, "lost_epoch": r.Epoch, "orders_taken_over": l.taken}))
			l.news, l.said = false, true
		}
	}
	if len(x.told) > mostTold {
		clear(x.told)
	}
}

// log says what is known of one registration.
func (l *told) log(entry *logrus.Entry) {
	instant := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
	switch {
	case l.stopped:
		entry.Info("took over orders that a node which was stopped had left")
	case l.said:
		entry.Info("took over more orders of a lost node")
	default:
		entry.WithFields(logrus.Fields{"last_heartbeat": instant(l.heartbeat), "expired_at": instant(l.expired)}).
			Warn("a node was lost: it did not renew its registration in time")
	}
}
