package projections

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"orderflow/domain"
)

// cursor is a place in the list: the last order of a page. The zero value is before
// the first.
type cursor struct {
	customer string // whose list it is, if it is one customer's with a name
	placed   time.Time
	id       domain.OrderID
}

// A cursor is written as a version, microseconds since 1970 and the order id, base64url. That of
// the list of a customer with a name has another version, and the name at the end.
const (
	cursorVersion         = 1
	customerCursorVersion = 2
	cursorBytes           = 1 + 8 + 16
)

func (c cursor) String() string {
	b := make([]byte, 0, cursorBytes+len(c.customer))
	if c.customer == "" {
		b = append(b, cursorVersion)
	} else {
		b = append(b, customerCursorVersion)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(c.placed.UnixMicro()))
	b = append(b, c.id[:]...)
	b = append(b, c.customer...)
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(s string) (c cursor, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	named := len(b) > cursorBytes && b[0] == customerCursorVersion
	if err == nil && (named || len(b) == cursorBytes && b[0] == cursorVersion) {
		micros := int64(binary.BigEndian.Uint64(b[1:9])) //nolint:gosec // two's complement is meant
		c = cursor{customer: string(b[cursorBytes:]), placed: time.UnixMicro(micros).UTC(), id: domain.OrderID(b[9:cursorBytes])}
	}
	if c.placed.Year() > 9999 || c.placed.Year() < 1 || c.placed.IsZero() { // the database has no such years
		return cursor{}, fmt.Errorf("%w: the cursor is not one that a page of this list gave", domain.ErrInvalid)
	}
	return c, nil
}
