package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// brief is a number of seconds in at most two units.
func brief(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d <= 0:
		return "0 s"
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.3f s", d.Seconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return units(int(d.Minutes()), "min", int(d.Seconds())%60, "s")
	case d < 48*time.Hour:
		return units(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	}
	return units(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
}

func units(large int, of string, small int, with string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", large, of)
	}
	return fmt.Sprintf("%d %s %d %s", large, of, small, with)
}

// clock is the time of day, in UTC.
func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) }

// stamp is a day and the time of day, in UTC.
func stamp(t time.Time) string { return t.UTC().Format(time.DateTime) }

// iso is a time as machines read it.
func iso(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// count is a whole number with its digits in threes.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// tail is the end of an id, by which people tell those of one page apart.
func tail(id fmt.Stringer) string {
	text := id.String()
	return "…" + text[max(0, len(text)-8):]
}

// number is a whole number of any kind, as count shows it.
func number(n any) string {
	switch v := n.(type) {
	case int:
		return count(int64(v))
	case int64:
		return count(v)
	}
	return fmt.Sprint(n)
}

// upTo is a number that was counted up to a bound.
func upTo(n int64, more bool) string {
	if more {
		return "over " + count(n)
	}
	return count(n)
}

// per is how many there were in a second.
func per(n int64, seconds float64) string {
	if seconds <= 0 {
		return "0"
	}
	return strconv.FormatFloat(float64(n)/seconds, 'f', 1, 64)
}

// share is how much n is of a whole, as the length of a bar.
func share(n, of int64) string {
	if of <= 0 || n <= 0 {
		return "0%"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(min(n, of))/float64(of))
}
