package bench

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

//go:embed floor/*.sql
var floorTables embed.FS

// floorRows is how many rows one statement of the floor inserts.
const floorRows = 100

// floorColumns is how many columns the table has.
const floorColumns = 9

// floored is what one run of the floor came to.
type floored struct {
	took  time.Duration
	cpu   time.Duration
	bytes int64 // of the closed file
}

// floor inserts the events of n orders, which divide rows by ten, into a table like that
// of the events: one writer, rows a transaction, one prepared statement.
func (r *run) floor(ctx context.Context, n, rows int) (f floored, err error) {
	dsn, err := r.scratch.database(ctx)
	if err != nil {
		return f, err
	}
	db, err := schema.Open(ctx, dsn)
	if err != nil {
		return f, err
	}
	if err = createFloor(ctx, db); err == nil {
		f, err = fillFloor(ctx, db, n, rows)
	}
	err = errors.Join(err, db.Close())
	f.bytes = r.scratch.size(dsn)
	return f, errors.Join(err, r.scratch.discard(dsn))
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

func fillFloor(ctx context.Context, db *schema.DB, n, rows int) (floored, error) {
	now := time.Now()
	// All orders get the bytes of one; only what the indexes hold is different.
	like, err := historian{domain.NewCodec()}.history(newID(now), "bench-000000", now, -1)
	if err != nil {
		return floored{}, err
	}
	statement, position := floorInsert(db.Dialect()), 0
	before := usageOf(db)
	for total := n * len(like); position < total; {
		end := min(position+rows, total)
		err := db.InTx(ctx, func(tx *schema.Tx) error {
			for ; position < end; position += floorRows {
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

// floorInsert has placeholders without numbers where that is the driver's own form: the
// driver of SQLite looks each numbered one up among all that there are.
func floorInsert(d schema.Dialect) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO floor_events (position, partition, stream_id, version, type, data, metadata, recorded_at, hash) VALUES `)
	for i := range floorRows * floorColumns {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%floorColumns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("?")
		if d.Name() != "sqlite" {
			b.WriteString(strconv.Itoa(i + 1))
		}
	}
	return b.String() + ")"
}

// floorArgs are the rows after a position.
func floorArgs(like []domain.Recorded, position int) []any {
	args := make([]any, 0, floorRows*floorColumns)
	hash := make([]byte, 32)
	var id domain.OrderID
	for i := range floorRows {
		if (position+i)%len(like) == 0 {
			id = newID(time.Now())
		}
		r, stream := like[(position+i)%len(like)], id
		args = append(args, position+i+1, 0, stream[:], r.Version, r.Type, string(r.Data), string(r.RawMeta), schema.TimeArg(r.RecordedAt), hash)
	}
	return args
}
