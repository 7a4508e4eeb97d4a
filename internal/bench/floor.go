package bench

import (
	"context"
	"embed"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

//go:embed floor/*.sql
var floorTables embed.FS

// floored is what one run of the floor came to.
type floored struct {
	took  time.Duration
	cpu   time.Duration
	bytes int64 // of the closed file
}

// floor inserts the events of n orders, which divide rows by ten, into a table like that
// of the events: one writer, rows a transaction, one prepared statement.
func floor(ctx context.Context, on *scratch, n, rows int) (f floored, err error) {
	f.bytes, err = onFloor(ctx, on, func(db *schema.DB, like []domain.Recorded) (err error) {
		f.took, f.cpu, err = fillFloor(ctx, db, like, n, rows)
		return err
	})
	return f, err
}

// onFloor makes a database with the floor's table for do, and gives its size in the end. All
// orders get the bytes of one, like; only what the indexes hold is different.
func onFloor(ctx context.Context, on *scratch, do func(db *schema.DB, like []domain.Recorded) error) (bytes int64, err error) {
	now := time.Now()
	like, err := history(newID(now), "bench-000000", now, -1)
	if err != nil {
		return 0, err
	}
	return on.with(ctx, func(db *schema.DB) error {
		if err := createFloor(ctx, db); err != nil {
			return err
		}
		return do(db, like)
	})
}

func createFloor(ctx context.Context, db *schema.DB) error {
	table, err := floorTables.ReadFile("floor/" + db.Dialect().Name() + ".sql")
	if err != nil {
		return err
	}
	return db.InTx(ctx, func(tx *schema.Tx) error {
		_, err := tx.ExecContext(ctx, string(table))
		return err
	})
}

func fillFloor(ctx context.Context, db *schema.DB, like []domain.Recorded, n, rows int) (took, cpu time.Duration, err error) {
	statement, position := insertRows("floor_events", rowsPerInsert), 0
	before := usageOf(db)
	for total := n * len(like); position < total; {
		end := min(position+rows, total)
		err := db.InTx(ctx, func(tx *schema.Tx) error {
			for ; position < end; position += rowsPerInsert {
				if _, err := tx.ExecContext(ctx, statement, floorArgs(like, position)...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, 0, fmt.Errorf("insert rows of the floor: %w", err)
		}
	}
	return time.Since(before.at), usageOf(db).since(before).cpu, nil
}

// floorArgs are the rows after a position.
func floorArgs(like []domain.Recorded, position int) []any {
	args := make([]any, 0, rowsPerInsert*eventColumns)
	hash := make([]byte, 32)
	var id domain.OrderID
	for i := range rowsPerInsert {
		if (position+i)%len(like) == 0 {
			id = newID(time.Now())
		}
		r := like[(position+i)%len(like)]
		r.Position, r.OrderID, r.Hash = int64(position+i+1), id, hash
		args = appendRow(args, r)
	}
	return args
}

// commitsInTheWay is how many transactions an order must wait for, one after the other: it
// is placed and started, and each of its steps completed, with the next one's start.
const commitsInTheWay = 1 + domain.StepCount

const lightFloorFigure = "floor: five commits of two events each"

// lightFloor measures, n times at the rate of the orders, what the disk alone makes an order
// take: its events, inserted in the fewest transactions that can tell their outcomes apart.
func lightFloor(ctx context.Context, on *scratch, rate float64, n int) (took []time.Duration, err error) {
	_, err = onFloor(ctx, on, func(db *schema.DB, like []domain.Recorded) (err error) {
		took, err = fillLightly(ctx, db, like, rate, n)
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
