//go:build !linux

package sqlitedb

func MachineTicks() Ticks { return WallTicks() }
