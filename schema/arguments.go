package schema

import (
	"database/sql"
	"fmt"
	"time"
	"unsafe"

	"orderflow/domain/stored"
	"orderflow/schema/sqlitedb"
)

// TimeArg makes a time a statement's argument, as times are kept in the database: the stored form
// (see stored.TimeLayout) without its zone.
func TimeArg(t time.Time) string {
	b := stored.AppendTime(make([]byte, 0, len(stored.TimeLayout)), t)
	return string(b[:len(b)-1])
}

// NullTimeArg is TimeArg, with NULL for the zero time.
func NullTimeArg(t time.Time) sql.NullString {
	if t.IsZero() {
		return sql.NullString{}
	}
	return sql.NullString{String: TimeArg(t), Valid: true}
}

// ParseTime reads what TimeArg wrote of a year of four digits; false for anything else,
// and for days that no month has.
func ParseTime(s string) (time.Time, bool) { return stored.ParseTime(s + "Z") }

// Time scans a stored time; NULL becomes the zero time.
type Time struct{ time.Time }

// Scan reads what TimeArg wrote, or a DATETIME2.
func (t *Time) Scan(src any) (err error) {
	switch v := src.(type) {
	case nil:
		t.Time = time.Time{}
	case time.Time:
		t.Time = v.UTC()
	case []byte:
		t.Time, err = time.Parse(sqlitedb.TimeLayout, string(v))
	case string:
		t.Time, err = time.Parse(sqlitedb.TimeLayout, v)
	default:
		err = fmt.Errorf("a stored time is of type %T", src)
	}
	return err
}

// Text is b as an argument that is stored as text, without a copy: a []byte would be stored as
// binary data in either dialect. b must never be changed again. It is for what may be large and
// is known not to change, such as the stored bytes of events.
func Text(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // the one place; see above
}
