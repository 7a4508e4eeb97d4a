package projections

import (
	"context"
	"slices"
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
	Beyond    int64     `json:"beyond,omitempty"`
	UpdatedAt time.Time `json:"updated_at"` // when it moved last, by the database's clock
}

// Statuses says how far the projections are, by projection and partition.
func Statuses(ctx context.Context, db *schema.DB, log Log) ([]ProjectionStatus, error) {
	var all []ProjectionStatus
	for _, projection := range []string{live, next} {
		checkpoints, err := readCheckpoints(ctx, db, projection)
		if err != nil {
			return nil, classify(db, err)
		}
		heads, err := log.Heads(ctx) // after the checkpoints, so that no lag is negative
		if err != nil {
			return nil, err
		}
		for partition, c := range checkpoints {
			if partition == claimPartition || partition >= len(heads) {
				continue
			}
			all = append(all, ProjectionStatus{
				Projection: projection, Partition: partition, Position: c.position,
				Head: heads[partition], Lag: max(0, heads[partition]-c.position), Beyond: max(0, c.position-heads[partition]), UpdatedAt: c.updated,
			})
		}
	}
	slices.SortFunc(all, func(a, b ProjectionStatus) int {
		if a.Projection != b.Projection {
			return len(a.Projection) - len(b.Projection)
		}
		return a.Partition - b.Partition
	})
	return all, nil
}
