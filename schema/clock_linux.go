package schema

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// machineTicks are CLOCK_BOOTTIME, which goes on while the machine sleeps.
func machineTicks() ticks {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return wallTicks()
	}
	return ticks{boot: strings.TrimSpace(string(id)), now: func() int64 {
		var t unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
			panic(err) // Linux has had it since 2.6.39
		}
		return t.Nano() / 1000
	}}
}
