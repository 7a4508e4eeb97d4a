package node

import (
	"bufio"
	"bytes"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// room is how much memory there is for this process, in bytes; 0 for what is not known.
type room struct {
	container int64 // the limit of its cgroups, if they have one below the machine's memory
	machine   int64
}

// roomOf reads what Linux says, below the root of the file system. Elsewhere nothing is known.
func roomOf(root fs.FS) room {
	r := room{machine: machineMemory(root)}
	if limit := cgroupMemory(root); limit > 0 && (r.machine == 0 || limit < r.machine) {
		r.container = limit
	}
	return r
}

func machineMemory(root fs.FS) int64 {
	text, _ := fs.ReadFile(root, "proc/meminfo") // not there: nothing is known
	for line := range bytes.Lines(text) {
		// MemTotal:       16303428 kB
		if fields := strings.Fields(string(line)); len(fields) == 3 && fields[0] == "MemTotal:" {
			kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// cgroupMemory is the lowest limit of the process's cgroup and those above it, of version 2 or 1
// (man 7 cgroups); 0 if there is none.
func cgroupMemory(root fs.FS) int64 {
	text, _ := fs.ReadFile(root, "proc/self/cgroup") // not there: nothing is known
	lowest := int64(0)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		// 0::/system.slice/orderflow.service, or of version 1 4:memory:/docker/0123
		hierarchy, controllers, group := cut3(lines.Text())
		limit := int64(0)
		switch {
		case hierarchy == "0" && controllers == "":
			limit = lowestLimit(root, "sys/fs/cgroup", group, "memory.max")
		case strings.Contains(","+controllers+",", ",memory,"):
			limit = lowestLimit(root, "sys/fs/cgroup/memory", group, "memory.limit_in_bytes")
		}
		lowest = lower(lowest, limit)
	}
	return lowest
}

// lowestLimit looks at a group and those above it.
func lowestLimit(root fs.FS, folder, group, file string) (lowest int64) {
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		lowest = lower(lowest, limitIn(root, path.Join(folder, group, file)))
		if group == "/" {
			return lowest
		}
	}
}

// lower is the lower of two limits, of which 0 is none.
func lower(a, b int64) int64 {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

func cut3(line string) (first, second, third string) {
	first, rest, _ := strings.Cut(line, ":")
	second, third, _ = strings.Cut(rest, ":")
	return first, second, third
}

// limitIn reads a limit; 0 for "max" and for what is not there.
func limitIn(root fs.FS, file string) int64 {
	text, _ := fs.ReadFile(root, file) // not there: no limit
	limit, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return limit
}
