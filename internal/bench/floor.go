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
func (r *run) floor(ctx context.Context, n, rows int) (f floored, err error) {
	bytes, err := r.onFloor(ctx, func(db *schema.DB, like []domain.Recorded) (err error) {
		f, err = fillFloor(ctx, db, like, n, rows)
		return err
	})
	f.bytes = bytes
	return f, err
}

// onFloor makes a database with the floor's table for do, and gives its size in the end. All
// orders get the bytes of one, like; only what the indexes hold is different.
func (r *run) onFloor(ctx context.Context, do func(db *schema.DB, like []domain.Recorded) error) (bytes int64, err error) {
	now := time.Now()
	like, err := history(newID(now), "bench-000000", now, -1)
	if err != nil {
		return 0, err
	}
	return r.scratch.with(ctx, func(db *schema.DB) error {
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

func fillFloor(ctx context.Context, db *schema.DB, like []domain.Recorded, n, rows int) (floored, error) {
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
			return floored{}, fmt.Errorf("insert rows of the floor: %w", err)
		}
	}
	took := time.Since(before.at)
	return floored{took: took, cpu: usageOf(db).since(before).cpu}, nil
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
