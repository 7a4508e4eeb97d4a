//go:build !chaos

package sqlitedb

import "time"

// wall is the clock on the wall.
func wall() time.Time { return time.Now() }
