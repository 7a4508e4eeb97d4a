package projections

import (
	"context"
	"time"

	"orderflow/schema"
)

// ProjectionStatus is how far one projection has applied one partition of the log.
type ProjectionStatus struct {
	Projection string `json:"projection"` // "orders", or "orders_next" while a rebuild fills it
	Partition  int    `json:"partition"`
	Position   int64  `json:"position"` // the last event that has been applied
	Head       int64  `json:"head"`     // the last event there is
	Lag        int64  `json:"lag"`      // events between the two
	// Beyond is by how much the position is beyond the head, which it can never be of itself: events
	// that were applied are gone. Rebuild mends it.
	Beyond int64 `json:"beyond,omitempty"`
	// Damage says that the counts of the checkpoint cannot be read, and what mends it; empty if they can.
	Damage    string    `json:"damage,omitempty"`
	UpdatedAt time.Time `json:"updated_at,omitzero"` // when it moved last, by the database's clock; zero if never
}

// Lag is how many events the orders are behind the log, over all partitions. It costs two
// short reads.
func Lag(ctx context.Context, db *schema.DB, log Log) (int64, error) {
	all, err := statuses(ctx, db, log, live)
	var lag int64
	for _, s := range all {
		lag += s.Lag
	}
	return lag, err
}

// Statuses says how far the projections are, by projection and partition. The orders have every
// partition, also one that no projector has begun.
func Statuses(ctx context.Context, db *schema.DB, log Log) ([]ProjectionStatus, error) {
	var all []ProjectionStatus
	for _, projection := range []string{live, next} {
		some, err := statuses(ctx, db, log, projection)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func statuses(ctx context.Context, db *schema.DB, log Log, projection string) ([]ProjectionStatus, error) {
	checkpoints, err := readCheckpoints(ctx, db, projection)
	if err != nil {
		return nil, classify(db, err)
	}
	heads, err := log.Heads(ctx) // after the checkpoints, so that no lag is negative
	if err != nil {
		return nil, err
	}
	var all []ProjectionStatus
	for partition, head := range heads {
		c, begun := checkpoints[partition]
		if !begun && projection != live {
			continue
		}
		s := ProjectionStatus{
			Projection: projection, Partition: partition, Position: c.position,
			Head: head, Lag: max(0, head-c.position), Beyond: max(0, c.position-head), UpdatedAt: c.updated,
		}
		if c.damage != nil {
			s.Damage = c.damage.Error()
		}
		all = append(all, s)
	}
	return all, nil
}
