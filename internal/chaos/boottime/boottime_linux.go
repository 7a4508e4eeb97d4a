package boottime

import "golang.org/x/sys/unix"

// Now is CLOCK_BOOTTIME in nanoseconds.
func Now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err) // Linux has had it since 2.6.39
	}
	return t.Nano()
}
