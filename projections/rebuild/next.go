package rebuild

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"orderflow/projections/internal/rows"
	"orderflow/projections/verify"
	"orderflow/schema"
)

// Log is the log of events, as the event store keeps it.
type Log interface {
	rows.Log
	verify.Log
	Partitions() int
}

// Config says how to rebuild.
type Config struct {
	// Progress is called now and then, by one goroutine at a time, if it is not nil. It must
	// not block for long.
	Progress func(verify.Progress)
	// BatchSize is how many events are read at a time; 5,000 by default.
	BatchSize int
	// Stale is how long the lock of another rebuild must show no sign of life before it is
	// taken for dead; 5 s by default.
	Stale time.Duration

	limits limits
	wait   time.Duration // of the swap, for others that are in its way; 5 s by default
}

func (c Config) withDefaults() Config {
	if c.Progress == nil {
		c.Progress = func(verify.Progress) {}
	}
	c.BatchSize = max(cmp.Or(c.BatchSize, 5000), 2) // see rows.Pages
	c.Stale = cmp.Or(c.Stale, 5*time.Second)
	c.wait = cmp.Or(c.wait, 5*time.Second)
	c.limits = cmp.Or(c.limits, defaultLimits)
	return c
}

// limits bound what a fill holds and writes at once.
type limits struct {
	// rows is how many orders are written in one transaction, if their details have no more
	// than writtenBytes. Appends wait for it on SQLite, so it must be short.
	rows int
	// orders and bytes bound the orders under way that are held in memory, and the details
	// that have not been written.
	orders, bytes int
}

var defaultLimits = limits{rows: 1000, orders: 20_000, bytes: 32 << 20}

// writtenBytes bounds the details that are written in one transaction, but for the last.
const writtenBytes = 4 << 20

// rebuild is a rebuild under way.
type rebuild struct {
	db    *schema.DB
	log   Log
	conf  Config
	lock  *rebuildLock
	table rows.Table        // the one that is filled
	built []rows.Checkpoint // by partition: what has been read; the counts are of what has been written
}

// applied is how many events have been read.
func (r *rebuild) applied() (events int64) {
	for _, c := range r.built {
		events += c.Position
	}
	return events
}

// left says how many events of the log lie before the heads.
func (r *rebuild) left(heads []int64) int64 { return rows.Total(heads) - r.applied() }

// emptyRows is how many rows are deleted in one transaction.
const emptyRows = 2000

// empty deletes all rows of the next table, in small transactions.
func (r *rebuild) empty(ctx context.Context, phase string) error {
	for done := int64(0); ; {
		var n int64
		err := r.lock.inTx(ctx, func(tx *schema.Tx) error {
			result, err := tx.ExecContext(ctx, r.table.Dialect.DeleteSome(rows.NextTable), emptyRows)
			if err == nil {
				n, err = result.RowsAffected()
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("empty %s: %w", rows.NextTable, err)
		}
		if n == 0 {
			return nil
		}
		done += n
		r.conf.Progress(verify.Progress{Phase: phase, Done: done})
	}
}

// begin sets the checkpoints of the next table to the beginning.
func (r *rebuild) begin(ctx context.Context) error {
	return r.lock.inTx(ctx, func(tx *schema.Tx) error {
		for partition := range r.built {
			if err := rows.SetCheckpoint(ctx, tx, rows.NextTable, partition, rows.Checkpoint{}); err != nil {
				return err
			}
		}
		return nil
	})
}
