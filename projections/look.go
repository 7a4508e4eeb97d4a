package projections

import (
	"context"
	"database/sql"
	"fmt"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// Standing is how far lists and counts are with one order.
type Standing struct {
	Version    int   // of its row; 0 if there is none
	Checkpoint int64 // the last event of its partition that was applied
}

// ReadStanding asks one question: two rows by their keys.
func ReadStanding(ctx context.Context, in schema.Reader, id domain.OrderID, partition int) (s Standing, err error) {
	err = in.Read(ctx, func(answer *sql.Rows) error {
		s = Standing{}
		return rows.Each(answer, func() error {
			var version, checkpoint sql.NullInt64
			err := answer.Scan(&version, &checkpoint)
			s.Version, s.Checkpoint = int(version.Int64), checkpoint.Int64
			return err
		})
	}, `SELECT o.version, c.position FROM (SELECT 1 AS one) x LEFT JOIN `+rows.LiveTable+` o ON o.order_id = ?1
		LEFT JOIN checkpoints c ON c.projection = ?2 AND c.partition = ?3`, id[:], rows.LiveTable, partition)
	if err != nil {
		return Standing{}, fmt.Errorf("look how far the view of order %s is: %w", id, err)
	}
	return s, nil
}

// ReadVersions asks few questions, one for hundreds of orders: what versions their rows have. Those without rows are left out.
func ReadVersions(ctx context.Context, in schema.Reader, ids []domain.OrderID) (map[domain.OrderID]int, error) {
	versions := make(map[domain.OrderID]int, len(ids))
	err := eachOf(ctx, in, ids, func(id domain.OrderID, version int, _ domain.Status) { versions[id] = version })
	if err != nil {
		return nil, fmt.Errorf("look how far the views of %d orders are: %w", len(ids), err)
	}
	return versions, nil
}

// ReadEnded asks as ReadVersions does: which of some orders have ended.
func ReadEnded(ctx context.Context, in schema.Reader, ids []domain.OrderID) (map[domain.OrderID]bool, error) {
	ended := map[domain.OrderID]bool{}
	err := eachOf(ctx, in, ids, func(id domain.OrderID, _ int, status domain.Status) {
		if status.Ended() {
			ended[id] = true
		}
	})
	if err != nil {
		return nil, fmt.Errorf("look which of %d orders have ended: %w", len(ids), err)
	}
	return ended, nil
}

// eachOf calls f with what rows of orders say. It may do so again for an order.
func eachOf(ctx context.Context, in schema.Reader, ids []domain.OrderID, f func(domain.OrderID, int, domain.Status)) error {
	keys := make([]any, len(ids))
	for i := range ids {
		keys[i] = ids[i][:]
	}
	return schema.AnyOf(in.Dialect(), `order_id`, keys, func(condition string, args []any) error {
		return in.Read(ctx, func(answer *sql.Rows) error {
			return rows.Each(answer, func() error {
				var id []byte
				var version int
				var status domain.Status
				if err := answer.Scan(&id, &version, &status); err != nil {
					return err
				}
				f(domain.OrderID(id), version, status)
				return nil
			})
		}, `SELECT order_id, version, status FROM `+rows.LiveTable+` WHERE `+condition, args...)
	})
}
