package projections

import "orderflow/domain/stored"

// Times go out as RFC 3339 with always six digits, which is how they are stored and a Z.

// zeroTime is how the zero time would be stored, which stands for none.
const zeroTime = "0001-01-01T00:00:00.000000"

// isTime says whether stored.ParseTime can read s.
func isTime(s string) bool {
	_, is := stored.ParseTime(s)
	return is
}
