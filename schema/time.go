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
func TimeArg(t time.Time) string {
	return string(AppendTime(make([]byte, 0, len(timeLayout)), t))
}

// NullTimeArg is TimeArg, with NULL for the zero time.
func NullTimeArg(t time.Time) sql.NullString {
	if t.IsZero() {
		return sql.NullString{}
	}
	return sql.NullString{String: TimeArg(t), Valid: true}
}

// AppendTime appends what TimeArg gives, several times as fast as package time.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(b, timeLayout)
	}
	hour, minute, second := t.Clock()
	micros := t.Nanosecond() / 1000
	b = append2(append2(b, year/100), year%100)
	b = append2(append(b, '-'), int(month))
	b = append2(append(b, '-'), day)
	b = append2(append(b, 'T'), hour)
	b = append2(append(b, ':'), minute)
	b = append2(append(b, ':'), second)
	b = append2(append(b, '.'), micros/10_000)
	return append2(append2(b, micros/100%100), micros%100)
}

// append2 appends the two digits of n.
func append2(b []byte, n int) []byte { return append(b, digits[n/10], digits[n%10]) }

const digits = "0123456789"

// ParseTime reads what TimeArg wrote of a year of four digits; false for anything else,
// and for days that no month has.
func ParseTime(s string) (time.Time, bool) {
	d, ok := dateOf(s)
	if !ok {
		return time.Time{}, false
	}
	return time.Date(int(d.year), time.Month(d.month), int(d.day), int(d.hour), int(d.minute), int(d.second), int(d.micros*1000), time.UTC), true
}

// IsTime says whether ParseTime can read s.
func IsTime(s string) bool {
	_, ok := dateOf(s)
	return ok
}

type date struct{ year, month, day, hour, minute, second, micros int64 }

func dateOf(s string) (d date, ok bool) {
	if len(s) != len(timeLayout) || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' {
		return d, false
	}
	d = date{
		year: digits2(s[0:])*100 + digits2(s[2:]), month: digits2(s[5:]), day: digits2(s[8:]),
		hour: digits2(s[11:]), minute: digits2(s[14:]), second: digits2(s[17:]),
		micros: digits2(s[20:])*10_000 + digits2(s[22:])*100 + digits2(s[24:]),
	}
	return d, d.year >= 0 && within(d.month, 1, 12) && within(d.day, 1, daysIn(d.year, d.month)) &&
		within(d.hour, 0, 23) && within(d.minute, 0, 59) && within(d.second, 0, 59) && d.micros >= 0
}

func within(n, least, most int64) bool { return least <= n && n <= most }

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// digits2 is the number that s begins with, of two digits; far below 0 if it does not.
func digits2(s string) int64 {
	high, low := s[0]-'0', s[1]-'0'
	if high > 9 || low > 9 {
		return -1 << 32
	}
	return int64(high)*10 + int64(low)
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
	at, ok := ParseTime(s)
	if !ok {
		at, err = time.Parse(timeLayout, s)
	}
	t.Time = at
	return err
}
