//go:build !linux

package schema

func machineTicks() ticks { return wallTicks() }
