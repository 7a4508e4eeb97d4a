package projections

import (
	"database/sql"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// eachRow calls f with every row of a query for stateColumns, or for rowColumns if whole, and
// closes the query's answer. The row is good until f returns.
func eachRow(rows *sql.Rows, err error, whole bool, f func(*row) error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var id sql.RawBytes
	var r row
	var placed, started, completed column
	into := []any{
		&id, &r.version, (*column)(&r.status), (*column)(&r.step), (*column)(&r.node), &placed, &started,
		&completed, (*column)(&r.tracking), (*column)(&r.steps), (*column)(&r.customer), (*column)(&r.detail),
	}
	if !whole {
		into = into[:stateWidth]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if len(id) != len(r.id) {
			return fmt.Errorf("%w: an order is stored under an id of %d bytes", domain.ErrCorrupt, len(id))
		}
		r.id, r.bad = domain.OrderID(id), nil
		r.placed, r.started, r.completed = r.time("placed_at", placed), r.time("started_at", started), r.time("completed_at", completed)
		if err := f(&r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// time reads a time; what cannot be read is among the bad fields, and then zero.
func (r *row) time(name string, stored column) time.Time {
	if stored == "" {
		return time.Time{}
	}
	t, ok := schema.ParseTime(string(stored))
	if !ok {
		r.bad = append(r.bad, badField{name, string(stored)})
	}
	return t
}

// column scans text, empty for NULL, and times as the text that they are stored as in SQLite.
type column string

// Scan takes what a column holds.
func (t *column) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = ""
	case string:
		*t = column(v)
	case []byte:
		*t = column(v)
	case time.Time:
		*t = column(schema.TimeArg(v))
	default:
		*t = column(fmt.Sprint(v))
	}
	return nil
}
