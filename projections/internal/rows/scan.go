package rows

import (
	"database/sql"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// Each calls f on every row of a query's answer, and closes it.
func Each(answer *sql.Rows, f func() error) error {
	defer func() { _ = answer.Close() }()
	for answer.Next() {
		if err := f(); err != nil {
			return err
		}
	}
	return answer.Err()
}

// Scan calls f with every row of a query for Columns, and closes the query's answer. The row is good
// until f returns.
func Scan(answer *sql.Rows, f func(*Row) error) error { return scan(answer, width, f) }

// ScanStates is Scan for StateColumns.
func ScanStates(answer *sql.Rows, f func(*Row) error) error { return scan(answer, stateWidth, f) }

// scan is Scan for the first columns.
func scan(answer *sql.Rows, columns int, f func(*Row) error) error {
	var id sql.RawBytes
	var r Row
	var placed, started, completed column
	into := []any{
		&id, &r.Version, (*column)(&r.Status), (*column)(&r.Step), (*column)(&r.Node), &placed, &started, &completed,
		(*column)(&r.Tracking), (*column)(&r.Steps), (*column)(&r.Request), (*column)(&r.Customer), (*column)(&r.Detail), (*column)(&r.RetryOf),
	}
	return Each(answer, func() error {
		if err := answer.Scan(into[:columns]...); err != nil {
			return err
		}
		if len(id) != len(r.ID) {
			return fmt.Errorf("%w: an order is stored under an id of %d bytes", domain.ErrCorrupt, len(id))
		}
		r.ID, r.Bad = domain.OrderID(id), nil
		r.Placed, r.Started, r.Completed = r.time("placed_at", placed), r.time("started_at", started), r.time("completed_at", completed)
		return f(&r)
	})
}

// time reads a time; what cannot be read is among the bad fields, and then zero.
func (r *Row) time(name string, stored column) time.Time {
	if stored == "" {
		return time.Time{}
	}
	t, ok := schema.ParseTime(string(stored))
	if !ok {
		r.Bad = append(r.Bad, BadField{name, string(stored)})
	}
	return t
}

// column scans text, empty for NULL, and times as the text that they are stored as in SQLite.
type column string

// Scan takes what a column holds.
func (c *column) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*c = ""
	case string:
		*c = column(v)
	case []byte:
		*c = column(v)
	case time.Time:
		*c = column(schema.TimeArg(v))
	default:
		*c = column(fmt.Sprint(v))
	}
	return nil
}
