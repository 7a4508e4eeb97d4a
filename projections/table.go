package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/schema"
)

// The table that is read, and its twin that a rebuild fills.
const (
	live = "orders"
	next = "orders_next"
)

// errAltered says that a table is not as its projection left it: a row to change is
// gone, or one to insert is there.
var errAltered = errors.New("the rows are not as the projection left them")

// querier is a database, or a transaction of it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// table is one of the two tables of orders.
type table struct {
	name    string
	dialect dialect
	schema  schema.Dialect
}

func tableOf(db *schema.DB, name string) table {
	return table{name: name, dialect: dialectOf(db), schema: db.Dialect()}
}

func idArgs(ids []domain.OrderID) []any {
	args := make([]any, len(ids))
	for i := range ids {
		args[i] = ids[i][:]
	}
	return args
}

// load reads the rows of orders, in any order, without their customers and details. Those that have
// no row are left out.
func (t table) load(ctx context.Context, q querier, ids []domain.OrderID, f func(*row) error) error {
	return t.rows(ctx, q, ids, stateColumns, f)
}

// loadWhole is load with these.
func (t table) loadWhole(ctx context.Context, q querier, ids []domain.OrderID, f func(*row) error) error {
	return t.rows(ctx, q, ids, rowColumns, f)
}

func (t table) rows(ctx context.Context, q querier, ids []domain.OrderID, columns string, f func(*row) error) error {
	return schema.AnyOf(t.schema, `order_id`, idArgs(ids), func(condition string, args []any) error {
		rows, err := q.QueryContext(ctx, `SELECT `+columns+` FROM `+t.name+` WHERE `+condition, args...)
		return eachRow(rows, err, columns == rowColumns, f)
	})
}

// insert adds rows; errAltered if one is there already.
func (t table) insert(ctx context.Context, tx *schema.Tx, rows []row) error {
	err := schema.Rows(len(rows), rowWidth, func(from, to int, values string) error {
		args := make([]any, 0, (to-from)*rowWidth)
		for _, r := range rows[from:to] {
			args = append(args, r.args()...)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO `+t.name+` (`+rowColumns+`) VALUES `+values, args...)
		return err
	})
	if errors.Is(err, schema.ErrDuplicateKey) {
		return fmt.Errorf("%w: %w", errAltered, err)
	}
	return err
}

// changed says which of the columns that have an index an update has to set. The
// others cost less if they are left alone.
type changed uint8

const (
	changedStatus changed = 1 << iota // status and current_step
	changedNode
	changedKinds = 1 << iota
)

// update sets what can change of rows that are there, the indexed columns only as far as
// what says; errAltered if one is not there.
func (t table) update(ctx context.Context, tx *schema.Tx, rows []row, what changed) error {
	set, width := t.dialect.set[what], len(t.dialect.set[what])+1
	return schema.Rows(len(rows), width, func(from, to int, values string) error {
		args := make([]any, 0, (to-from)*width)
		for _, r := range rows[from:to] {
			args = append(r.stateArgs(args, what), r.id[:])
		}
		result, err := tx.ExecContext(ctx, t.dialect.update(t.name, set, values), args...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != int64(to-from) {
			return errors.Join(errAltered, err)
		}
		return nil
	})
}

// stateArgs appends the values of the columns that setColumns names.
func (r row) stateArgs(args []any, what changed) []any {
	args = append(args, r.version, r.steps, schema.NullTimeArg(r.started), schema.NullTimeArg(r.completed))
	if what&changedStatus != 0 {
		args = append(args, string(r.status), nullText(string(r.step)))
	}
	if what&changedNode != 0 {
		args = append(args, nullText(r.node))
	}
	return args
}

func setColumns(what changed) []string {
	columns := []string{"version", "steps", "started_at", "completed_at"}
	if what&changedStatus != 0 {
		columns = append(columns, "status", "current_step")
	}
	if what&changedNode != 0 {
		columns = append(columns, "node")
	}
	return columns
}

// remove deletes the rows of orders, where there are any.
func (t table) remove(ctx context.Context, tx *schema.Tx, ids []domain.OrderID) error {
	return schema.AnyOf(t.schema, `order_id`, idArgs(ids), func(condition string, args []any) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM `+t.name+` WHERE `+condition, args...)
		return err
	})
}
