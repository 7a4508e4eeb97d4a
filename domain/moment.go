package domain

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Moment is a point in an order's history: just after an event, or at a time.
type Moment struct {
	Version int       // from 1; 0: At says it
	At      time.Time // what was recorded until then, this instant too, has happened
}

const moments = "a time of RFC 3339, such as 2026-01-31T12:00:00Z, or the number of a version from 1"

// ParseMoment reads a time of RFC 3339 or the number of a version. Its error is a *FieldError of the field "at".
func ParseMoment(text string) (Moment, error) {
	if version, err := strconv.Atoi(text); err == nil && version > 0 {
		return Moment{Version: version}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if year := at.UTC().Year(); err != nil || year < 1 || year > 9998 { // databases have no others
		return Moment{}, &FieldError{Field: "at", Expected: moments, Got: fmt.Sprintf("%q", Shorten(text))}
	}
	return Moment{At: at.UTC()}, nil
}

// FoldTo makes the order of the events of a whole stream up to a moment. It is ErrNotFound if the order was placed
// later, and a *FieldError of the field "at" if the stream has no such version.
func FoldTo(events []Recorded, m Moment) (Order, error) {
	if len(events) == 0 {
		return Order{}, fmt.Errorf("%w: a stream without events", ErrCorrupt)
	}
	if last := len(events); m.Version > last {
		return Order{}, &FieldError{Field: "at", Expected: fmt.Sprintf("a version from 1 to %d, which is the last", last), Got: strconv.Itoa(m.Version)}
	}
	n := m.Version
	if n == 0 {
		for n < len(events) && !events[n].RecordedAt.After(m.At) {
			n++
		}
	}
	if n == 0 {
		placed := events[0].RecordedAt.UTC().Format(time.RFC3339Nano)
		return Order{}, fmt.Errorf("%w: order %s was placed at %s, which is later", ErrNotFound, events[0].OrderID, placed)
	}
	return Fold(events[:n])
}

// UnmarshalText is ParseMoment. An empty text is the zero moment, as a parameter of a query that is empty.
func (m *Moment) UnmarshalText(text []byte) (err error) {
	if *m = (Moment{}); len(text) == 0 {
		return nil
	}
	*m, err = ParseMoment(string(text))
	var field *FieldError
	if errors.As(err, &field) {
		return fmt.Errorf("give %s, not %s", field.Expected, field.Got)
	}
	return err
}

// IsZero says whether no moment is given.
func (m Moment) IsZero() bool { return m == Moment{} }
