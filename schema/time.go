package schema

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"orderflow/domain/stored"
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
func (t *Time) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		t.Time = time.Time{}
		return nil
	case time.Time:
		t.Time = v.UTC()
		return nil
	case []byte:
		return t.parse(string(v))
	case string:
		return t.parse(v)
	}
	return fmt.Errorf("a stored time is of type %T", src)
}

func (t *Time) parse(s string) (err error) {
	at, ok := ParseTime(s)
	if !ok {
		at, err = time.Parse(strings.TrimSuffix(stored.TimeLayout, "Z"), s)
	}
	t.Time = at
	return err
}
