package bench

import (
	"cmp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"orderflow/schema"
)

// Costs are what an order asked of the database under one load, by cause.
type Costs struct {
	Load   string `json:"load"`
	Causes []Cost `json:"causes"` // the dearest first
}

// Cost is what one cause asked of the database, for each order. The cause names two functions: where its
// goroutine began, and the one that asked.
type Cost struct {
	Cause        string  `json:"cause"`
	Statements   float64 `json:"statements"`
	Transactions float64 `json:"transactions"`
	RoundTrips   float64 `json:"round_trips"` // 0 on SQLite
}

// causes counts what is asked of databases by who asks.
type causes struct {
	mu  sync.Mutex
	all map[string]schema.Stats
}

// tell is for schema.DB.Watch.
func (c *causes) tell(added schema.Stats) {
	cause := causeOf(callers())
	if cause == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]schema.Stats{}
	}
	s := c.all[cause]
	s.Statements += added.Statements
	s.Transactions += added.Transactions
	s.RoundTrips += added.RoundTrips
	c.all[cause] = s
}

// each gives what each of n orders cost, and the sum.
func (c *causes) each(n int) (all []Cost, sum Cost) {
	c.mu.Lock()
	defer c.mu.Unlock()
	orders := float64(n)
	for cause, s := range c.all {
		one := Cost{cause, float64(s.Statements) / orders, float64(s.Transactions) / orders, float64(s.RoundTrips) / orders}
		all = append(all, one)
		sum.Statements, sum.Transactions, sum.RoundTrips = sum.Statements+one.Statements, sum.Transactions+one.Transactions, sum.RoundTrips+one.RoundTrips
	}
	slices.SortFunc(all, func(a, b Cost) int {
		return cmp.Or(cmp.Compare(b.RoundTrips, a.RoundTrips), cmp.Compare(b.Statements, a.Statements), cmp.Compare(a.Cause, b.Cause))
	})
	return all, sum
}

// callers are the functions of this program that are under way on this goroutine, the last called first.
func callers() (functions []string) {
	var calls [64]uintptr
	frames := runtime.CallersFrames(calls[:runtime.Callers(1, calls[:])])
	for {
		f, more := frames.Next()
		if name, ours := strings.CutPrefix(f.Function, "orderflow/"); ours {
			functions = append(functions, name)
		}
		if !more {
			return functions
		}
	}
}

// causeOf names what asks; empty for the wait for the orders' end, which is no cost of theirs.
func causeOf(functions []string) string {
	if slices.Contains(functions, "internal/bench.completed") {
		return ""
	}
	functions = slices.DeleteFunc(slices.Clone(functions), func(f string) bool { return !telling(f) })
	if len(functions) == 0 {
		return "other"
	}
	first, last := short(functions[len(functions)-1]), short(functions[0])
	if first == last {
		return first
	}
	return first + " > " + last
}

// telling says whether a function tells a cause apart from others. What sends statements for everybody,
// what starts everything and what measures do not.
func telling(function string) bool {
	const generic = "[...]"
	for _, other := range []string{"schema.", "cmd/", "internal/bench."} {
		if strings.HasPrefix(function, other) {
			return false
		}
	}
	return !strings.HasSuffix(function, generic)
}

// short is a function without the folders of its package, and without the functions inside it.
func short(function string) string {
	name := function[strings.LastIndexByte(function, '/')+1:]
	name, _, _ = strings.Cut(name, ".func")
	name, _, _ = strings.Cut(name, ".DB.") // one of package schema that was compiled into it
	return strings.NewReplacer("(*", "", ")", "").Replace(name)
}
