package projections

import (
	"strings"
	"time"

	"orderflow/schema"
)

// Times go out as RFC 3339 with always six digits, which is how they are stored and a Z.

func appendTime(b []byte, t time.Time) []byte { return append(schema.AppendTime(b, t), 'Z') }

// zeroTime is how the zero time would be stored, which stands for none.
const zeroTime = "0001-01-01T00:00:00.000000"

// isTime says whether parseTime can read s.
func isTime(s string) bool {
	stored, zulu := strings.CutSuffix(s, "Z")
	return zulu && schema.IsTime(stored)
}

// parseTime reads what appendTime wrote; false for anything else, and for days that no
// month has.
func parseTime(s string) (time.Time, bool) {
	stored, zulu := strings.CutSuffix(s, "Z")
	if !zulu {
		return time.Time{}, false
	}
	return schema.ParseTime(stored)
}
