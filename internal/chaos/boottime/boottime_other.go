//go:build !linux

package boottime

// Now panics: the harness runs on Linux.
func Now() int64 { panic("this system has no CLOCK_BOOTTIME") }
