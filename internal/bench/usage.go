package bench

import (
	"runtime"
	"time"

	"orderflow/schema"
)

// usage is what has been used of the machine up to a moment.
type usage struct {
	at      time.Time
	cpu     time.Duration
	mallocs uint64
	bytes   uint64 // allocated, whether freed or not
	db      schema.Stats
}

func usageOf(db *schema.DB) usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{at: time.Now(), cpu: cpuTime(), mallocs: m.Mallocs, bytes: m.TotalAlloc, db: db.Stats()}
}

// since is what was used between before and u.
func (u usage) since(before usage) usage {
	u.cpu -= before.cpu
	u.mallocs -= before.mallocs
	u.bytes -= before.bytes
	u.db.Statements -= before.db.Statements
	u.db.Transactions -= before.db.Transactions
	u.db.RoundTrips -= before.db.RoundTrips
	return u
}

// addUsage adds what n orders have used.
func (s *Section) addUsage(used usage, n int) {
	orders := float64(n)
	s.add("processor time", cpuUnit, used.cpu.Seconds()/orders*1000)
	s.add("allocations", "1/order", float64(used.mallocs)/orders)
	s.add("allocated", "kB/order", float64(used.bytes)/orders/1000)
	s.add("transactions", "1/1,000 orders", float64(used.db.Transactions)/orders*1000)
	s.add("statements", "1/1,000 orders", float64(used.db.Statements)/orders*1000)
	if used.db.RoundTrips > 0 {
		s.add("round trips", "1/1,000 orders", float64(used.db.RoundTrips)/orders*1000)
	}
}

const cpuUnit = "s/1,000 orders"
