//go:build chaos

package schema

import (
	"path/filepath"
	"testing"
	"time"

	"orderflow/schema/sqlitedb"
)

// TestLeaseClock_skew has a process with a wrong wall clock share a file with another.
func TestLeaseClock_skew(t *testing.T) {
	for _, skew := range []string{"1h", "-1h"} {
		path := filepath.Join(t.TempDir(), "test.db")
		right := openAt(t, path)
		t.Setenv("ORDERFLOW_CHAOS_SKEW", skew)
		wrong := openAt(t, path)
		now := right.Dialect().Now()
		before, told, after := right.ask(t, now), wrong.ask(t, now), right.ask(t, now)
		if told.Before(before) || told.After(after) {
			t.Errorf("with a wall clock that is %s off, leases are judged by %s, between %s and %s for the other", skew, told, before, after)
		}
		if d := time.Since(time.UnixMicro(sqlitedb.WallTicks().Now())).Abs(); d < 59*time.Minute {
			t.Errorf("the wall clock is not skewed: %s", d)
		}
		t.Setenv("ORDERFLOW_CHAOS_SKEW", "")
	}
}
