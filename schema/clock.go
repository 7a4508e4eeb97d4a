package schema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	sqlitedriver "modernc.org/sqlite"
)

// ticks count the microseconds since a moment that boot names. All processes of a machine
// count the same, and nobody can set it.
type ticks struct {
	boot string
	now  func() int64
}

// wallTicks are for systems that have nothing better: time since 1970, which can be set.
func wallTicks() ticks {
	return ticks{boot: "wall", now: func() int64 { return wall().UnixMicro() }}
}

// leaseNow is the SQL function of the lease clock: the time at the anchor that is its first
// argument, moved by the milliseconds of its second.
const leaseNow = "lease_now"

// anchor is the stored anchor, for leaseNow.
const anchor = `(SELECT anchor FROM lease_clock)`

var errNoClock = errors.New("the lease clock of this database has not been set: open it with this program, after \"orderflow migrate\"")

// withClock gives the driver the lease clock.
func withClock(d *sqlitedriver.Driver, t ticks) *sqlitedriver.Driver {
	d.MustRegisterScalarFunction(leaseNow, -1, func(_ *sqlitedriver.FunctionContext, args []driver.Value) (driver.Value, error) {
		at, set := args[0].(int64)
		if !set {
			return nil, errNoClock
		}
		at += t.now()
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

// setClock writes the anchor, unless a process has done so since the machine was started.
// The clock never goes back: it begins no earlier than the last heartbeat in the file.
func setClock(ctx context.Context, db *sql.DB, t ticks) error {
	var boot string
	err := db.QueryRowContext(ctx, `SELECT COALESCE((SELECT boot FROM lease_clock), '')`).Scan(&boot)
	if err != nil || boot == t.boot {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	var last Time
	if err := tx.QueryRowContext(ctx, `SELECT MAX(heartbeat_at) FROM nodes`).Scan(&last); err != nil {
		return err
	}
	now := wall()
	if now.Before(last.Time) {
		now = last.Time
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO lease_clock (one, boot, anchor) VALUES (1, ?1, ?2)
		ON CONFLICT (one) DO UPDATE SET boot = excluded.boot, anchor = excluded.anchor WHERE boot <> excluded.boot`,
		t.boot, now.UnixMicro()-t.now())
	if err != nil {
		return err
	}
	return tx.Commit()
}

// hasClock says whether the file is migrated far enough to have a clock.
func hasClock(ctx context.Context, db *sql.DB) (has bool, err error) {
	err = db.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'lease_clock'`).Scan(&has)
	return has, err
}
