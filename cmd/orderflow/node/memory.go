package node

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// garbage is the growth of the heap, in percent, at which a node collects. What it holds
// is small (some tens of megabytes) beside what it allocates for each order, so that Go's
// default of 100 has it collect many times a second.
const garbage = 400

const (
	// usualMemory is what a node takes of a large machine, in bytes, while no more than half of
	// it is in use. GOMEMLIMIT says otherwise.
	usualMemory = 640 << 20
	// mostRemembered bounds what a node remembers of its events, in bytes, however large its
	// memory; leastRemembered is what it remembers however small.
	mostRemembered  = 64 << 20
	leastRemembered = 4 << 20
	// memoryEvery is the time between looks at what is in use.
	memoryEvery = 2 * time.Second
	// memoryStep is what limits are rounded up to, so that they are seldom set.
	memoryStep = 32 << 20
)

// memory is how much memory the Go runtime of a node takes. Towards the limit it collects more
// often than garbage says.
type memory struct {
	given bool  // by GOMEMLIMIT; nothing is changed then
	soft  int64 // while half of it or less is in use
	hard  int64 // whatever is in use
}

// memoryOf decides how much of the room to take. caches is the memory that the process holds outside the
// Go runtime.
func memoryOf(there room, caches int64) memory {
	all, share := there.container, there.container
	if all == 0 {
		all, share = there.machine/2, there.machine/4
	}
	if all == 0 { // nobody knows
		all, share = math.MaxInt64, usualMemory
	}
	return memory{soft: besides(min(share, usualMemory), caches), hard: besides(all, caches)}
}

// besides is how much of the memory the Go runtime may take: all but the caches and a tenth that nobody
// counts, and half at least.
func besides(all, caches int64) int64 { return max(all-all/10-caches, all/2) }

// TuneCollector makes garbage collection rare in a node, or in a process like one, unless GOGC is set.
func TuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}

// tuneMemory bounds the memory of this process, as the environment or the machine says.
func tuneMemory(caches int64) memory {
	TuneCollector()
	if os.Getenv("GOMEMLIMIT") != "" {
		limit := debug.SetMemoryLimit(-1) // which only asks
		return memory{given: true, soft: limit, hard: limit}
	}
	m := memoryOf(roomOf(os.DirFS("/")), caches)
	debug.SetMemoryLimit(m.soft)
	return m
}

// remembered is how many bytes of events the process may remember.
func (m memory) remembered() int64 { return min(max(m.soft/8, leastRemembered), mostRemembered) }

// inHand is how many bytes of request bodies the API holds at once, and of answers. A body is in memory
// twice until its order is stored.
func (m memory) inHand() int64 { return m.soft / 8 }

// limitFor is the limit while so much is in use: twice that and some more, since a collector that
// has no room does little else.
func (m memory) limitFor(inUse int64) int64 {
	needed := (2*inUse/memoryStep + 2) * memoryStep
	return min(max(m.soft, needed), m.hard)
}

// look moves the limit with what is in use.
func (m memory) look() func(context.Context) {
	live, limit := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, m.soft
	return func(context.Context) {
		metrics.Read(live)
		if now := m.limitFor(int64(live[0].Value.Uint64())); now != limit && !m.given { //nolint:gosec // no heap is that large
			limit = now
			debug.SetMemoryLimit(limit)
		}
	}
}
