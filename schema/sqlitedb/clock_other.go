//go:build !linux

package sqlitedb

// MachineTicks are those of the wall clock, since there is no CLOCK_BOOTTIME.
func MachineTicks() Ticks { return WallTicks() }
