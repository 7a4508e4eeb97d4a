package node

import (
	"testing"
	"testing/fstest"
)

const (
	mb = 1 << 20
	gb = 1 << 30
)

// TestRoomOf reads what the kernel says of machines and of containers of both versions.
func TestRoomOf(t *testing.T) {
	meminfo := "MemTotal:        4194304 kB\nMemFree:          100 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  room
	}{
		"not Linux":     {nil, room{}},
		"machine":       {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/user.slice\n", "sys/fs/cgroup/user.slice/memory.max": "max\n"}, room{machine: 4 * gb}},
		"version 2":     {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"}, room{512 * mb, 4 * gb}},
		"above it":      {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "1048576\n"}, room{mb, 4 * gb}},
		"version 1":     {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu,cpuacct:/d\n4:memory:/docker/12\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n"}, room{256 * mb, 4 * gb}},
		"version 1 off": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, room{machine: 4 * gb}},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for path, text := range c.files {
				root[path] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := roomOf(root); got != c.want {
				t.Errorf("the room is %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestMemoryOf: a node stays below its container's limit, caches and all, and takes the usual of
// a large machine.
func TestMemoryOf(t *testing.T) {
	const caches = 100 * mb
	for name, c := range map[string]struct {
		there      room
		least      int64
		soft, hard int64 // at most, with the caches
	}{
		"small container": {room{256 * mb, 64 * gb}, 128 * mb, 256 * mb, 256 * mb},
		"container":       {room{512 * mb, 64 * gb}, 256 * mb, 512 * mb, 512 * mb},
		"large container": {room{8 * gb, 64 * gb}, 256 * mb, usualMemory, 8 * gb},
		"small machine":   {room{0, 2 * gb}, 256 * mb, 512 * mb, gb},
		"large machine":   {room{0, 24 * gb}, 256 * mb, usualMemory, 12 * gb},
		"not known":       {room{}, 256 * mb, usualMemory, 1<<63 - 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := memoryOf(c.there, caches)
			if m.soft < c.least || m.soft > c.soft-caches || m.hard < m.soft || m.hard > c.hard-caches {
				t.Errorf("limits %d and %d MB", m.soft/mb, m.hard/mb)
			}
			if got := m.remembered(); got > m.soft/8 || got > mostRemembered {
				t.Errorf("%d MB are remembered of %d", got/mb, m.soft/mb)
			}
			if got := m.limitFor(10 * mb); got != m.soft {
				t.Errorf("with little in use the limit is %d MB", got/mb)
			}
			if got := m.limitFor(m.soft); got > m.hard || got < min(2*m.soft, m.hard) {
				t.Errorf("with %d MB in use the limit is %d MB, of %d", m.soft/mb, got/mb, m.hard/mb)
			}
		})
	}
}
