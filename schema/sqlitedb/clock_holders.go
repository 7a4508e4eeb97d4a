package sqlitedb

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// holdings are the clock of a file and those who may hold leases by it.
type holdings struct {
	boot    string // empty: none was ever set
	holders map[holder]sign
}

// holder is a registration of a node that has not been ended.
type holder struct {
	node  string
	epoch int64
	host  string
	pid   int
}

func (h holder) String() string { return fmt.Sprintf("%s (process %d on %s)", h.node, h.pid, h.host) }

// sign is a holder's last sign of life.
type sign struct {
	at   string        // as stored: it is compared with itself only
	good time.Duration // how long it was good for; longestWatch at most
}

// patience is how long the longest lease lasts.
func (h holdings) patience() (longest time.Duration) {
	for _, s := range h.holders {
		longest = max(longest, s.good)
	}
	return longest
}

// anyone is the holder with the longest lease.
func (h holdings) anyone() (name holder) {
	for one, s := range h.holders {
		if s.good == h.patience() {
			name = one
		}
	}
	return name
}

// survey reads clock and holders at one moment.
func survey(ctx context.Context, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
},
) (holdings, error) {
	found := holdings{holders: map[holder]sign{}}
	rows, err := db.QueryContext(ctx, `SELECT COALESCE((SELECT boot FROM lease_clock), ''), n.node, n.epoch, n.host, n.pid, n.heartbeat_at, n.expires_at
		FROM (SELECT 1) LEFT JOIN nodes n ON n.state NOT IN ('stopped', 'lost')`)
	if err != nil {
		return found, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var node, host, heartbeat, expires sql.NullString
		var epoch, pid sql.NullInt64
		if err := rows.Scan(&found.boot, &node, &epoch, &host, &pid, &heartbeat, &expires); err != nil {
			return found, err
		}
		if node.Valid {
			found.holders[holder{node.String, epoch.Int64, host.String, int(pid.Int64)}] = sign{heartbeat.String, lasts(heartbeat.String, expires.String)}
		}
	}
	return found, rows.Err()
}

// lasts is how long a lease is good. What is no time is taken for the longest.
func lasts(heartbeat, expires string) time.Duration {
	from, err := time.Parse(TimeLayout, heartbeat)
	to, eerr := time.Parse(TimeLayout, expires)
	if err != nil || eerr != nil {
		return longestWatch
	}
	return min(max(to.Sub(from), 0), longestWatch)
}
