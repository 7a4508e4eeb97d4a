package projections

import "time"

// timeFormat is RFC 3339 with always six digits, so that times also sort as text.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// appendTime appends a time in timeFormat, several times as fast as package time.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(b, timeFormat)
	}
	hour, minute, second := t.Clock()
	b = append(appendDigits(b, year, 1000), '-')
	b = append(appendDigits(b, int(month), 10), '-')
	b = append(appendDigits(b, day, 10), 'T')
	b = append(appendDigits(b, hour, 10), ':')
	b = append(appendDigits(b, minute, 10), ':')
	b = append(appendDigits(b, second, 10), '.')
	return append(appendDigits(b, t.Nanosecond()/1000, 100_000), 'Z')
}

// appendDigits appends n from the digit that counts first on.
func appendDigits(b []byte, n, first int) []byte {
	for ; first > 0; first /= 10 {
		b = append(b, byte('0'+n/first%10))
	}
	return b
}

// parseTime reads timeFormat; false for anything else, and for days that no month has.
func parseTime(s string) (time.Time, bool) {
	if len(s) != len(timeFormat) {
		return time.Time{}, false
	}
	ok := true
	part := func(from, to int, end byte) (n int) {
		for _, c := range []byte(s[from:to]) {
			ok = ok && '0' <= c && c <= '9'
			n = n*10 + int(c-'0')
		}
		ok = ok && s[to] == end
		return n
	}
	year, month, day := part(0, 4, '-'), time.Month(part(5, 7, '-')), part(8, 10, 'T')
	hour, minute, second, micros := part(11, 13, ':'), part(14, 16, ':'), part(17, 19, '.'), part(20, 26, 'Z')
	t := time.Date(year, month, day, hour, minute, second, micros*1000, time.UTC)
	// A part that is out of its range makes others of what package time makes of it.
	return t, ok && t.Month() == month && t.Hour() == hour && t.Minute() == minute && t.Second() == second
}
