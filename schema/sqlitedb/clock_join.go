package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrOtherClock is the kind of error for a process that must not hold leases: others hold leases in
// this file by a clock that it cannot read.
var ErrOtherClock = errors.New("leases in this file are judged by another clock")

// longestWatch bounds how long others are watched for a sign of life. It is there for rows that
// claim to be good for years.
const longestWatch = 10 * time.Minute

// JoinClock must be called by a process before it holds leases in the file. All such processes judge leases
// by one clock: that of the processes that hold leases now, or else this process's own. If this process
// cannot read that clock, it watches the others for as long as their leases last. If one shows a sign of
// life, the error is of kind ErrOtherClock. tell gets messages for the operator.
func (db *DB) JoinClock(ctx context.Context, tell func(string)) error {
	if db.clock.ticks.Boot == WallBoot {
		tell("the id of this machine's boot cannot be read: leases are judged by the wall clock, which must not be set while nodes run")
	}
	err := clockJoin{db: db.Write, Ticks: db.clock.ticks, tell: tell}.join(ctx)
	if err == nil {
		db.clock.joined.Store(true)
	}
	return err
}

// OwnClock says whether this process reads the clock by which leases in the file are judged.
func (db *DB) OwnClock(ctx context.Context) (own bool, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT COUNT(*) FROM lease_clock WHERE boot = ?1`, db.clock.ticks.Boot).Scan(&own)
	return own, err
}

// clockJoin is one process's way to the clock of a file.
type clockJoin struct {
	db *sql.DB
	Ticks
	tell func(string)
}

func (j clockJoin) join(ctx context.Context) error {
	seen, err := survey(ctx, j.db)
	if err != nil || seen.boot == j.Boot {
		return err
	}
	// After a start of the machine, or where no process ever held leases, nobody can be alive.
	if watch := seen.boot != "" && !restarted(seen.boot, j.Boot); watch && len(seen.holders) > 0 {
		j.tell(fmt.Sprintf("node %s held leases in this file by %s; waiting up to %s for a sign of life", seen.longest, clockName(seen.boot), seen.patience))
		if seen, err = j.watch(ctx, seen); err != nil || seen.boot == j.Boot {
			return err
		}
	}
	return j.set(ctx, seen)
}

// watch looks at the others until their leases must have ended, by this process's own watch. The result
// is what it saw last.
func (j clockJoin) watch(ctx context.Context, first holdings) (holdings, error) {
	tick := time.NewTicker(min(max(first.patience/50, time.Millisecond), 250*time.Millisecond))
	defer tick.Stop()
	for begun := time.Now(); time.Since(begun) <= first.patience; {
		select {
		case <-ctx.Done():
			return first, ctx.Err()
		case <-tick.C:
		}
		now, err := survey(ctx, j.db)
		if err == nil && now.boot != j.Boot {
			err = j.compare(first, now)
		}
		if err != nil || now.boot == j.Boot {
			return now, err
		}
	}
	return first, nil
}

// compare says whether anybody has shown a sign of life.
func (j clockJoin) compare(before, now holdings) error {
	for holder, heartbeat := range now.holders {
		if before.holders[holder] != heartbeat {
			return fmt.Errorf("%w: node %s holds leases by %s, and this process has %s. "+
				"Stop that node first, or start both so that they read the same clock (the same /proc/sys/kernel/random/boot_id, in the same time namespace)",
				ErrOtherClock, holder, clockName(now.boot), clockName(j.Boot))
		}
	}
	return nil
}

// set makes this process's clock that of the file, beginning with the time of the wall clock. It ends all
// leases, whose holders are dead.
func (j clockJoin) set(ctx context.Context, seen holdings) error {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	now, err := survey(ctx, tx)
	if err != nil || now.boot == j.Boot {
		return err
	}
	if err := j.compare(seen, now); err != nil && !restarted(now.boot, j.Boot) {
		return err
	}
	at := wall()
	for _, change := range []struct {
		query string
		args  []any
	}{
		{`UPDATE nodes SET expires_at = ?1 WHERE expires_at > ?1`, []any{stored(at)}},
		{`UPDATE inflight SET available_at = ?1 WHERE available_at > ?1`, []any{stored(at)}},
		{`INSERT INTO lease_clock (one, boot, anchor) VALUES (1, ?1, ?2)
			ON CONFLICT (one) DO UPDATE SET boot = excluded.boot, anchor = excluded.anchor`, []any{j.Boot, at.UnixMicro() - j.Now()}},
	} {
		if _, err := tx.ExecContext(ctx, change.query, change.args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// restarted says whether the machine was started anew between two clocks.
func restarted(before, now string) bool {
	return kernelOf(before) != kernelOf(now) && before != WallBoot && now != WallBoot
}

// nsMark parts the id of a boot from the offset of a time namespace.
const nsMark = "+"

func kernelOf(boot string) string {
	id, _, _ := strings.Cut(boot, nsMark)
	return id
}

func clockName(boot string) string {
	id, offset, inNamespace := strings.Cut(boot, nsMark)
	switch {
	case boot == WallBoot:
		return "the wall clock, since no boot id could be read"
	case inNamespace:
		return "the clock of boot " + id + " in a time namespace that is " + offset + " off"
	}
	return "the clock of boot " + id
}

// holdings are the clock of a file and the nodes that may hold leases by it.
type holdings struct {
	boot     string            // empty: none was ever set
	holders  map[string]string // the last heartbeats of nodes that have not ended, as stored
	patience time.Duration     // how long the longest lease lasts; longestWatch at most
	longest  string            // who has it
}

// survey reads clock and holders at one moment.
func survey(ctx context.Context, db querier) (holdings, error) {
	found := holdings{holders: map[string]string{}}
	rows, err := db.QueryContext(ctx, `SELECT COALESCE((SELECT boot FROM lease_clock), ''), n.node, n.host, n.pid, n.heartbeat_at, n.expires_at
		FROM (SELECT 1) LEFT JOIN nodes n ON n.state NOT IN ('stopped', 'lost')`)
	if err != nil {
		return found, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var node, host, heartbeat, expires sql.NullString
		var pid sql.NullInt64
		if err := rows.Scan(&found.boot, &node, &host, &pid, &heartbeat, &expires); err != nil {
			return found, err
		}
		if !node.Valid {
			continue
		}
		holder := fmt.Sprintf("%s (process %d on %s)", node.String, pid.Int64, host.String)
		found.holders[holder] = heartbeat.String
		if good := lasts(heartbeat.String, expires.String); good >= found.patience {
			found.patience, found.longest = good, holder
		}
	}
	return found, rows.Err()
}

// lasts is how long a lease is good; longestWatch if its times cannot be read.
func lasts(heartbeat, expires string) time.Duration {
	from, err := time.Parse(TimeLayout, heartbeat)
	to, eerr := time.Parse(TimeLayout, expires)
	if err != nil || eerr != nil {
		return longestWatch
	}
	return min(max(to.Sub(from), 0), longestWatch)
}
