package rows

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"orderflow/domain"
	"orderflow/schema"
)

// The table that is read, and the one that a rebuild fills. Projections are named after them.
const (
	LiveTable = "orders"
	NextTable = "orders_next"
)

// ErrAltered says that a table is not as its projection left it: a row to change is
// gone, or one to insert is there.
var ErrAltered = errors.New("the rows are not as the projection left them")

// Querier is a database, or a transaction of it.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	Read(ctx context.Context, read func(*sql.Rows) error, query string, args ...any) error
}

// Table is one of the two tables of orders.
type Table struct {
	Name    string
	Dialect Dialect
	schema  schema.Dialect
}

// TableOf gives a table of a database.
func TableOf(db *schema.DB, name string) Table {
	d := sqlite
	if db.Dialect().Name() == "sqlserver" {
		d = sqlServer
	}
	return Table{Name: name, Dialect: d, schema: db.Dialect()}
}

func idArgs(ids []domain.OrderID) []any {
	args := make([]any, len(ids))
	for i := range ids {
		args[i] = ids[i][:]
	}
	return args
}

// Load reads the whole rows of orders, in any order. Those that have no row are left out.
func (t Table) Load(ctx context.Context, q Querier, ids []domain.OrderID, f func(*Row) error) error {
	return t.load(ctx, q, ids, Columns, f)
}

// load is Load for the first columns of a row.
func (t Table) load(ctx context.Context, q Querier, ids []domain.OrderID, columns string, f func(*Row) error) error {
	return schema.AnyOf(t.schema, `order_id`, idArgs(ids), func(condition string, args []any) error {
		rows, err := q.QueryContext(ctx, `SELECT `+columns+` FROM `+t.Name+` WHERE `+condition, args...)
		if err != nil {
			return err
		}
		return scan(rows, strings.Count(columns, `,`)+1, f)
	})
}

// statement writes some rows.
type statement struct {
	query string
	args  []any
	width int   // see schema.Question
	rows  int64 // that it has to change; 0: as many as there are
}

// remove deletes the rows of orders, where there are any.
func (t Table) remove(ids []domain.OrderID) (all []statement) {
	_ = schema.AnyOf(t.schema, `order_id`, idArgs(ids), func(condition string, args []any) error {
		all = append(all, statement{query: `DELETE FROM ` + t.Name + ` WHERE ` + condition, args: args})
		return nil
	})
	return all
}

// insert adds rows.
func (t Table) insert(rows []Row) []statement {
	args := make([]any, 0, len(rows)*width)
	for _, r := range rows {
		args = append(args, r.args()...)
	}
	return write(`INSERT INTO `+t.Name+` (`+Columns+`) VALUES *`, args, width)
}

// update sets what can change of rows that are there, the indexed columns only as far as
// what says.
func (t Table) update(rows []Row, what changed) []statement {
	set := setColumns[what]
	columns := len(set) + 1
	args := make([]any, 0, len(rows)*columns)
	for _, r := range rows {
		args = append(r.stateArgs(args, what), r.ID[:])
	}
	return write(t.Dialect.update(t.Name, set), args, columns)
}

// write is the statement that writes the rows of some arguments, if there are any.
func write(query string, args []any, width int) []statement {
	if len(args) == 0 {
		return nil
	}
	return []statement{{query: query, args: args, width: width, rows: int64(len(args) / width)}}
}

// stateArgs appends the values of the columns that setColumns names.
func (r *Row) stateArgs(args []any, what changed) []any {
	args = append(args, r.Version, r.Steps, schema.NullTimeArg(r.Started), schema.NullTimeArg(r.Completed))
	if what&changedStatus != 0 {
		args = append(args, string(r.Status), nullText(string(r.Step)))
	}
	if what&changedNode != 0 {
		args = append(args, nullText(r.Node))
	}
	if what&changedRequest != 0 {
		args = append(args, nullText(r.Request))
	}
	return args
}
