package schema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	sqlitedriver "modernc.org/sqlite"
)

// ticks count the microseconds since a moment that boot names. All processes that read the
// same boot count the same, and nobody can set it, but for that of wallBoot.
type ticks struct {
	boot string
	now  func() int64
}

// wallBoot names the clock of processes that have nothing better: the time since 1970, which
// can be set.
const wallBoot = "wall"

func wallTicks() ticks {
	return ticks{boot: wallBoot, now: func() int64 { return wall().UnixMicro() }}
}

// leaseClock is the clock of leases as one process reads it from one file. A process that has
// joined it (see DB.JoinClock) fails rather than judge a lease when the file has the clock of
// others. One that has not joined decides on no lease: it takes the clock on the wall then.
type leaseClock struct {
	ticks
	anchor string // the expression of the stored anchor, for leaseNow; NULL if the file has another clock
	joined atomic.Bool
}

func newLeaseClock(t ticks) *leaseClock {
	return &leaseClock{ticks: t, anchor: `(SELECT anchor FROM lease_clock WHERE boot = '` + strings.ReplaceAll(t.boot, `'`, `''`) + `')`}
}

// leaseNow is the SQL function of the lease clock: the time at the anchor that is its first
// argument, moved by the milliseconds of its second.
const leaseNow = "lease_now"

var errNoClock = errors.New("the lease clock of this file was never set, or was set by processes that judge time by another clock: " +
	"stop this node, and start it again when theirs are stopped")

// withClock gives the driver the lease clock.
func withClock(d *sqlitedriver.Driver, c *leaseClock) *sqlitedriver.Driver {
	d.MustRegisterScalarFunction(leaseNow, -1, func(_ *sqlitedriver.FunctionContext, args []driver.Value) (driver.Value, error) {
		at, own := args[0].(int64)
		switch {
		case own:
			at += c.now()
		case c.joined.Load():
			return nil, errNoClock
		default:
			at = wall().UnixMicro()
		}
		if len(args) > 1 {
			ms, whole := args[1].(int64)
			if !whole {
				return nil, fmt.Errorf("%s: milliseconds of type %T", leaseNow, args[1])
			}
			at += ms * 1000
		}
		return TimeArg(time.UnixMicro(at)), nil
	})
	return d
}

// JoinClock makes this process one of those that hold leases in the database, all of which
// judge them by one clock. On SQLite that is the clock of the processes that hold some now: if
// this process cannot read it, the error is of kind ErrOtherClock. To find out, it watches them
// for as long as their leases last. tell is told what the operator should know. A server has one
// clock for all, and there is nothing to do.
func (db *DB) JoinClock(ctx context.Context, tell func(string)) error {
	if err := db.dialect.joinClock(ctx, db.pools, tell); err != nil {
		return fmt.Errorf("the lease clock of %s: %w", db.dsn, err)
	}
	return nil
}

// OwnClock says whether this process reads the clock by which leases in the database are judged.
func (db *DB) OwnClock(ctx context.Context) (bool, error) {
	own, err := db.dialect.ownClock(ctx, db.read)
	return own, db.dialect.translate(err)
}

func (d sqlite) ownClock(ctx context.Context, db *sql.DB) (own bool, err error) {
	err = db.QueryRowContext(ctx, `SELECT COUNT(*) FROM lease_clock WHERE boot = ?1`, d.clock.boot).Scan(&own)
	return own, err
}
