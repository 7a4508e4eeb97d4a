package projections

import (
	"context"
	"fmt"
	"time"

	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// ProjectionStatus is how far one projection has applied one partition of the log.
type ProjectionStatus struct {
	Projection string `json:"projection"` // "orders", or "orders_next" while a rebuild fills it
	Partition  int    `json:"partition"`
	Position   int64  `json:"position"` // the last event that has been applied
	Head       int64  `json:"head"`     // the last event there is
	Lag        int64  `json:"lag"`      // events between the two
	// Beyond is how far the position is beyond the head. If it is not 0, the log has lost events that
	// were applied. A rebuild mends it.
	Beyond int64 `json:"beyond,omitempty"`
	// Damage says that the counts of the checkpoint cannot be read, and how to mend them; empty if they
	// can be read.
	Damage    string    `json:"damage,omitempty"`
	UpdatedAt time.Time `json:"updated_at,omitzero"` // when it moved last, by the database's clock; zero if never
}

// Log is the log of events.
type Log interface {
	// Heads gives the last position of every partition.
	Heads(ctx context.Context) ([]int64, error)
}

// Lag is how many events the orders are behind the log, over all partitions. It costs two
// short reads.
func Lag(ctx context.Context, db *schema.DB, log Log) (int64, error) {
	all, err := statuses(ctx, db, log, rows.LiveTable)
	var lag int64
	for _, s := range all {
		lag += s.Lag
	}
	return lag, err
}

// Delay is how old the oldest event is, at a time, that the orders have not applied; 0 if they have applied all. It costs
// one seek for each partition.
func Delay(ctx context.Context, db *schema.DB, now time.Time) (time.Duration, error) {
	var oldest schema.Time
	err := db.QueryRowContext(ctx, `SELECT MIN(e.recorded_at) FROM checkpoints c JOIN events e ON e.partition = c.partition AND e.position = c.position + 1
		WHERE c.projection = ?1`, rows.LiveTable).Scan(&oldest)
	if err != nil {
		return 0, fmt.Errorf("look for the oldest event that is not applied: %w", rows.Classify(db, err))
	}
	if oldest.IsZero() {
		return 0, nil
	}
	return max(0, now.Sub(oldest.Time)), nil
}

// Statuses says how far the projections are, by projection and partition. The orders have every
// partition, also one that no projector has begun.
func Statuses(ctx context.Context, db *schema.DB, log Log) ([]ProjectionStatus, error) {
	var all []ProjectionStatus
	for _, projection := range []string{rows.LiveTable, rows.NextTable} {
		some, err := statuses(ctx, db, log, projection)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func statuses(ctx context.Context, db *schema.DB, log Log, projection string) ([]ProjectionStatus, error) {
	checkpoints, err := rows.ReadCheckpoints(ctx, db, projection)
	if err != nil {
		return nil, rows.Classify(db, err)
	}
	heads, err := log.Heads(ctx) // after the checkpoints, so that no lag is negative
	if err != nil {
		return nil, err
	}
	var all []ProjectionStatus
	for partition, head := range heads {
		c, begun := checkpoints[partition]
		if !begun && projection != rows.LiveTable {
			continue
		}
		s := ProjectionStatus{
			Projection: projection, Partition: partition, Position: c.Position,
			Head: head, Lag: max(0, head-c.Position), Beyond: max(0, c.Position-head), UpdatedAt: c.Updated,
		}
		if c.Damage != nil {
			s.Damage = c.Damage.Error()
		}
		all = append(all, s)
	}
	return all, nil
}
