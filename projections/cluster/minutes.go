package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"time"

	"orderflow/schema"
)

// Minutes has what each node counted in each minute, for a day.
type Minutes struct{ db *schema.DB }

// NewMinutes opens the minutes of a database.
func NewMinutes(db *schema.DB) *Minutes { return &Minutes{db: db} }

// Write stores what the meter of a node counted since the last time, unless that is nothing. What could not be stored is
// counted with the next minute. If nobody knows whether it was stored, it is not: a minute that is missing is better than
// one that is counted twice.
func (x *Minutes) Write(ctx context.Context, node string, m *Meter) error {
	sum := m.takeMinute()
	if sum == nil {
		return nil
	}
	err := x.db.InTxBrief(ctx, patience, func(tx *schema.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO minutes (closed_at, node, content) VALUES (`+tx.Dialect().Now()+`, ?1, ?2)`, node, sum.text())
		return err
	})
	if err == nil {
		return nil
	}
	if !errors.Is(err, schema.ErrCommit) {
		m.giveBack(sum)
	}
	return fmt.Errorf("store what node %s counted in a minute: %w", node, err)
}

// The times over which minutes are added up.
const (
	quarter = 15 * time.Minute
	day     = 24 * time.Hour
)

// late is how long a row may become visible after its time.
const late = 2 * time.Minute

// ledger has the minutes that were read, added up over all nodes, so that each row is read about once. It keeps the sums
// in the form in which they are stored, which takes little room.
type ledger struct {
	minutes map[time.Time]encoded // by the minute in which they were closed
	until   time.Time             // of the last row that was read
}

// update reads what is new, and the last minutes again, since their rows may become visible late. It says how many rows
// could not be understood.
func (l *ledger) update(ctx context.Context, db *schema.DB) (odd int, err error) {
	query, args := l.query(db.Dialect())
	var read minuteReader
	err = db.Read(ctx, func(rows *sql.Rows) error {
		read = minuteReader{done: map[time.Time]encoded{}}
		for rows.Next() {
			var closed schema.Time
			var content string
			if err := rows.Scan(&closed, &content); err != nil {
				return err
			}
			read.add(closed.Time, content)
		}
		read.finish()
		return rows.Err()
	}, query, args...)
	if err != nil {
		return 0, fmt.Errorf("read what nodes counted: %w", err)
	}
	if l.minutes == nil {
		l.minutes = map[time.Time]encoded{}
	}
	maps.Copy(l.minutes, read.done)
	if read.last.After(l.until) {
		l.until = read.last
	}
	return read.odd, nil
}

// query reads the rows that are new, in the order of their times. A row that is locked is being written, and is read the
// next time.
func (l *ledger) query(d schema.Dialect) (query string, args []any) {
	from, args := `?1`, []any{schema.TimeArg(l.until.Add(-late).Truncate(time.Minute))}
	if l.until.IsZero() {
		from, args = d.NowPlus("?1"), []any{-day.Milliseconds()}
	}
	return `SELECT m.closed_at, m.content FROM minutes m` + d.SkipLocked() + ` WHERE m.closed_at >= ` + from + ` ORDER BY m.closed_at`, args
}

// minuteReader adds up rows, in the order of their times, by the minute. It has one sum at a time.
type minuteReader struct {
	done   map[time.Time]encoded
	minute time.Time
	sum    *Sum      // of that minute
	last   time.Time // of a row
	odd    int       // rows that could not be understood
}

func (r *minuteReader) add(closed time.Time, text string) {
	if minute := closed.Truncate(time.Minute); r.sum == nil || minute != r.minute {
		r.finish()
		r.minute, r.sum = minute, newSum()
	}
	if err := r.sum.addText(text); err != nil {
		r.odd++
	}
	r.last = closed
}

// finish ends the minute that is being added up.
func (r *minuteReader) finish() {
	if r.sum != nil {
		r.done[r.minute], r.sum = r.sum.encode(), nil
	}
}

// last adds up the minutes that were closed in the last while before a time. What is older than a day is forgotten.
func (l *ledger) last(long time.Duration, before time.Time) *Sum {
	maps.DeleteFunc(l.minutes, func(minute time.Time, _ encoded) bool { return before.Sub(minute) > day })
	sum := newSum()
	for minute, e := range l.minutes {
		if before.Sub(minute) < long {
			_ = sum.addEncoded(e) // this program wrote it
		}
	}
	return sum
}
