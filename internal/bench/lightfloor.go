package bench

import (
	"context"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// commitsInTheWay is how many transactions an order must wait for, one after the other: it
// is placed and started, and each of its steps completed, with the next one's start.
const commitsInTheWay = 1 + domain.StepCount

const lightFloorFigure = "floor: five commits of two events each"

// lightFloor measures, n times at the rate of the orders, what the disk alone makes an order
// take: its events, inserted in the fewest transactions that can tell their outcomes apart.
func (r *run) lightFloor(ctx context.Context, n int) (took []time.Duration, err error) {
	_, err = r.onFloor(ctx, func(db *schema.DB, like []domain.Recorded) (err error) {
		took, err = fillLightly(ctx, db, like, r.Rate, n)
		return err
	})
	return took, err
}

func fillLightly(ctx context.Context, db *schema.DB, like []domain.Recorded, rate float64, n int) ([]time.Duration, error) {
	each := len(like) / commitsInTheWay
	statement := insertRows("floor_events", each)
	_, took, err := steadily(ctx, rate, n, func(ctx context.Context, i int) error {
		id := newID(time.Now())
		for c := range commitsInTheWay {
			args := make([]any, 0, each*eventColumns)
			for k := c * each; k < (c+1)*each; k++ {
				e := like[k]
				e.Position, e.OrderID, e.Hash = int64(i*len(like)+k+1), id, id[:]
				args = appendRow(args, e)
			}
			if err := db.InTx(ctx, func(tx *schema.Tx) error {
				_, err := tx.ExecContext(ctx, statement, args...)
				return err
			}); err != nil {
				return fmt.Errorf("insert rows of the floor at light load: %w", err)
			}
		}
		return nil
	})
	return took, err
}
