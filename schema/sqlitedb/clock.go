package sqlitedb

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
)

// TimeLayout is how times are stored: UTC, six digits, no zone, so that text sorts like time.
const TimeLayout = "2006-01-02T15:04:05.000000"

// Ticks count the microseconds since a moment that Boot names. All processes that read the
// same Boot count the same, and nobody can set it, but for that of WallBoot.
type Ticks struct {
	Boot string
	Now  func() int64
}

// WallBoot names the clock of processes that have nothing better: the time since 1970, which
// can be set.
const WallBoot = "wall"

// WallTicks are those of WallBoot.
func WallTicks() Ticks {
	return Ticks{Boot: WallBoot, Now: func() int64 { return wall().UnixMicro() }}
}

// Clock is the clock of leases as one process reads it from one file. In a process that has joined it
// (see DB.JoinClock), a statement fails if the file has another clock. A process that has not joined
// judges no lease, and gets the wall clock instead.
type Clock struct {
	ticks  Ticks
	anchor string // the expression of the stored anchor, for leaseNow; NULL if the file has another clock
	joined atomic.Bool
}

// NewClock gives the clock of a process that counts these ticks.
func NewClock(t Ticks) *Clock {
	return &Clock{ticks: t, anchor: `(SELECT anchor FROM lease_clock WHERE boot = '` + strings.ReplaceAll(t.Boot, `'`, `''`) + `')`}
}

// Now is an expression for the clock's time, in the form of TimeLayout.
func (c *Clock) Now() string { return leaseNow + `(` + c.anchor + `)` }

// NowPlus is Now moved by a placeholder's number of milliseconds.
func (c *Clock) NowPlus(param string) string { return leaseNow + `(` + c.anchor + `, ` + param + `)` }

// Whose clock it is by which leases in a file are judged.
const (
	Others  = iota // that of processes that may live, and cannot be read by this one
	Own            // this process's, as one of those that have joined it
	Nobodys        // nobody's since the machine was started anew, or since the file was made
)

// Whose is an expression for one of these.
func (c *Clock) Whose() string {
	quoted := func(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }
	restarted := `0` // see there
	if c.ticks.Boot != WallBoot {
		restarted = `boot <> ` + quoted(WallBoot) + ` AND substr(boot, 1, instr(boot || '` + nsMark + `', '` + nsMark + `') - 1) <> ` + quoted(kernelOf(c.ticks.Boot))
	}
	return fmt.Sprintf(`COALESCE((SELECT CASE WHEN boot = %s THEN %d WHEN %s THEN %d ELSE %d END FROM lease_clock), %d)`,
		quoted(c.ticks.Boot), Own, restarted, Nobodys, Others, Nobodys)
}

// leaseNow is the SQL function of the lease clock: the time at the anchor that is its first
// argument, moved by the milliseconds of its second.
const leaseNow = "lease_now"

var errNoClock = errors.New("the lease clock of this file was never set, or was set by processes that judge time by another clock: " +
	"stop this node, and start it again when theirs are stopped")

// withClock gives a driver that has the lease clock.
func withClock(c *Clock) *sqlite.Driver {
	d := &sqlite.Driver{}
	d.MustRegisterScalarFunction(leaseNow, -1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		at, own := args[0].(int64)
		switch {
		case own:
			at += c.ticks.Now()
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
		return stored(time.UnixMicro(at)), nil
	})
	return d
}

func stored(t time.Time) string { return t.UTC().Format(TimeLayout) }
