package sqlitedb

import (
	"testing"
	"time"
)

func TestLasts(t *testing.T) {
	const at = "2026-01-01T00:00:00.000000"
	for expires, want := range map[string]time.Duration{
		"2026-01-01T00:00:05.500000": 5500 * time.Millisecond, at: 0, "2025-01-01T00:00:00.000000": 0,
		"2083-01-01T00:00:00.000000": longestWatch, "tomorrow": longestWatch,
	} {
		if got := lasts(at, expires); got != want {
			t.Errorf("a lease until %s lasts %s, want %s", expires, got, want)
		}
	}
}
