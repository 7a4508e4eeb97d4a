package projections

import (
	"database/sql"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// rowScan is where rows are read to, one after the other.
type rowScan struct {
	id                          sql.RawBytes
	version                     int
	status                      string
	step, node, tracking, steps text
	customer, detail            text
	placed, started, completed  text
	into                        []any
}

// newRowScan reads stateColumns, or rowColumns if withDetail.
func newRowScan(withDetail bool) *rowScan {
	s := &rowScan{}
	s.into = []any{&s.id, &s.version, &s.status, &s.step, &s.node, &s.placed, &s.started, &s.completed, &s.tracking, &s.steps, &s.customer, &s.detail}
	if !withDetail {
		s.into = s.into[:stateWidth]
	}
	return s
}

func (s *rowScan) row(rows *sql.Rows) (row, error) {
	if err := rows.Scan(s.into...); err != nil {
		return row{}, err
	}
	r := row{
		version: s.version, status: domain.Status(s.status), step: domain.Step(s.step.String), node: s.node.String,
		tracking: s.tracking.String, steps: s.steps.String, customer: s.customer.String, detail: s.detail.String,
	}
	if len(s.id) != len(r.id) {
		return row{}, fmt.Errorf("%w: an order is stored under an id of %d bytes", domain.ErrCorrupt, len(s.id))
	}
	r.id = domain.OrderID(s.id)
	r.placed = r.time("placed_at", s.placed)
	r.started = r.time("started_at", s.started)
	r.completed = r.time("completed_at", s.completed)
	return r, nil
}

// time is the time of a column, or empty if it holds something else, which is then among
// the bad fields.
func (r *row) time(column string, t text) string {
	if t.Valid && !isTime(t.String+"Z") {
		r.bad = append(r.bad, badField{column, t.String})
		return ""
	}
	if t.String == zeroTime {
		return ""
	}
	return t.String
}

// text scans text that may be NULL, and times as the text that they are stored as in
// SQLite.
type text struct{ sql.NullString }

// Scan is sql.NullString's, and takes times.
func (t *text) Scan(src any) error {
	switch v := src.(type) {
	case string:
		t.String, t.Valid = v, true
		return nil
	case time.Time:
		t.String, t.Valid = schema.TimeArg(v), true
		return nil
	}
	return t.NullString.Scan(src)
}
