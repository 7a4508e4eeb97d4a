package sqlitedb

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// MachineTicks are CLOCK_BOOTTIME, which goes on while the machine sleeps. They are named after
// the kernel's boot and, in a time namespace, after what that adds.
func MachineTicks() Ticks {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	boot := strings.TrimSpace(string(id))
	if err != nil || boot == "" || boot == WallBoot {
		return WallTicks()
	}
	offsets, err := os.ReadFile("/proc/self/timens_offsets")
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // not there: a kernel without time namespaces
		return WallTicks()
	}
	if offset := bootOffset(offsets); offset != "" {
		boot += nsMark + offset
	}
	return Ticks{Boot: boot, Now: func() int64 {
		var t unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
			panic(err) // Linux has had it since 2.6.39
		}
		return t.Nano() / 1000
	}}
}

// bootOffset is what the time namespace adds to CLOCK_BOOTTIME, as "1000.5s"; empty for nothing
// (see time_namespaces(7)).
func bootOffset(offsets []byte) string {
	for line := range bytes.Lines(offsets) {
		f := strings.Fields(string(line))
		if len(f) != 3 || f[0] != "boottime" && f[0] != strconv.Itoa(unix.CLOCK_BOOTTIME) || f[1] == "0" && f[2] == "0" {
			continue
		}
		return f[1] + "." + f[2] + "s"
	}
	return ""
}
