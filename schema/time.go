package schema

import (
	"database/sql"
	"fmt"
	"time"
)

// timeLayout is how times are stored in SQLite and sent to SQL Server: UTC, six
// digits, no zone, so that text sorts like time.
const timeLayout = "2006-01-02T15:04:05.000000"

// TimeArg makes a time a statement's argument. Digits below the microsecond are cut.
func TimeArg(t time.Time) string { return t.UTC().Format(timeLayout) }

// NullTimeArg is TimeArg, with NULL for the zero time.
func NullTimeArg(t time.Time) sql.NullString {
	return sql.NullString{String: TimeArg(t), Valid: !t.IsZero()}
}

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
	t.Time, err = time.Parse(timeLayout, s)
	return err
}
