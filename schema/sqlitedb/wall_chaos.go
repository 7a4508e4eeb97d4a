//go:build chaos

package sqlitedb

import (
	"os"
	"time"
)

// wall is the clock on the wall, wrong by ORDERFLOW_CHAOS_SKEW.
func wall() time.Time {
	skew, _ := time.ParseDuration(os.Getenv("ORDERFLOW_CHAOS_SKEW")) // none if there is none
	return time.Now().Add(skew)
}
