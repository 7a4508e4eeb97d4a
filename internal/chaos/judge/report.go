package judge

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// Violation is a promise that was not kept.
type Violation struct {
	Kind  string `json:"kind"` // see the package documentation
	Order string `json:"order,omitempty"`
	What  string `json:"what"`
}

func (v Violation) String() string {
	if v.Order == "" {
		return v.Kind + ": " + v.What
	}
	return fmt.Sprintf("%s: order %s: %s", v.Kind, v.Order, v.What)
}

// Report is what the judge found.
type Report struct {
	Violations []Violation     `json:"violations"`
	Orders     int             `json:"orders"`
	Events     int             `json:"events"`
	Calls      int             `json:"calls"`
	Status     map[string]int  `json:"status"`
	TakeOvers  []time.Duration `json:"take_overs"` // sorted
	Longest    time.Duration   `json:"longest"`    // the longest time that an order lay still
}

func (r *Report) foundf(kind, order, format string, args ...any) {
	r.Violations = append(r.Violations, Violation{Kind: kind, Order: order, What: fmt.Sprintf(format, args...)})
}

// Kinds counts the violations by kind.
func (r *Report) Kinds() map[string]int {
	kinds := map[string]int{}
	for _, v := range r.Violations {
		kinds[v.Kind]++
	}
	return kinds
}

// TakeOver is a quantile of the times that taking over took.
func (r *Report) TakeOver(q float64) time.Duration {
	if len(r.TakeOvers) == 0 {
		return 0
	}
	return r.TakeOvers[min(int(q*float64(len(r.TakeOvers))), len(r.TakeOvers)-1)]
}

// Later is how many take-overs took longer than d.
func (r *Report) Later(d time.Duration) int {
	return len(r.TakeOvers) - sort.Search(len(r.TakeOvers), func(i int) bool { return r.TakeOvers[i] > d })
}

// Config is what the judge goes by.
type Config struct {
	// TakeOver is how long the work of a lost node may lie; 0: as long as it likes.
	TakeOver time.Duration
}

// Judge looks at everything.
func Judge(e Evidence, conf Config) Report {
	r := Report{Events: len(e.Events), Calls: len(e.Calls), Status: map[string]int{}}
	r.positions(e)
	streams := streamsOf(e.Events)
	r.Orders = len(streams)
	poisoned := map[string]bool{}
	for _, a := range e.Accepted {
		poisoned[a.ID] = a.Poison
	}
	calls := byOrder(e.Calls)
	life := livesOf(e.Incidents)
	for _, events := range streams {
		id := events[0].Order()
		r.chain(id, events)
		h := r.history(id, events, poisoned[id])
		r.Status[h.status()]++
		r.view(e.Views, events, h)
		r.overlap(id, calls[id], life)
		r.sequence(id, calls[id], h, life)
		r.takeOver(id, calls[id], h, life, conf)
	}
	r.lost(e, streams)
	r.keys(e, streams)
	r.alarms(e)
	slices.Sort(r.TakeOvers)
	return r
}

// lost looks for what was promised to customers and is not there.
func (r *Report) lost(e Evidence, streams map[[16]byte][]Event) {
	known := map[string]string{}
	for _, events := range streams {
		known[events[0].Order()] = parse(events[0]).Tracking
	}
	for _, a := range e.Accepted {
		tracking, there := known[a.ID]
		switch {
		case !there:
			r.foundf("lost", a.ID, "it was accepted (%s%s) and is not in the log", a.Tracking, a.Key)
		case tracking != a.Tracking:
			r.foundf("lost", a.ID, "it was accepted as %s and is in the log as %q", a.Tracking, tracking)
		}
	}
	for table, n := range e.Left {
		r.foundf("lost", "", "%d rows of work are left over in %s", n, table)
	}
	if parked := r.Status["Parked"]; len(e.Letters) != parked {
		r.foundf("lost", "", "%d dead letters and %d parked orders", len(e.Letters), parked)
	}
}

// neverTrue are the alarms that no fault of a run gives a reason for.
var neverTrue = []string{
	"log_damaged", "log_lost", "beyond_head", "illegal_history", "order_stuck", "keys_wrong", "protection_altered", "schema_older", "schema_newer", "view_wrong",
}

// alarms looks for alarms that should not have been raised.
func (r *Report) alarms(e Evidence) {
	for _, a := range e.Alarms {
		if slices.Contains(neverTrue, a.Code) {
			r.foundf("alarm", "", "%s was raised of %s: %s", a.Code, a.Subject, a.What)
		}
	}
}

// keys looks for keys that name more than one order, in the answers and in the log, and for
// reserved keys that name none.
func (r *Report) keys(e Evidence, streams map[[16]byte][]Event) {
	names := map[string]string{}
	name := func(key, id string) {
		if other, named := names[key]; named && other != id {
			r.foundf("key", id, "%s names order %s too", key, other)
		}
		names[key] = id
	}
	for _, a := range e.Accepted {
		if a.Key != "" {
			name("idempotency key "+a.Key, a.ID)
		}
		if a.Tracking != "" {
			name("tracking id "+a.Tracking, a.ID)
		}
	}
	for _, events := range streams {
		if placed := parse(events[0]); placed.Tracking != "" && placed.RetryOf == "" { // a new try shows that of the first
			name("tracking id "+placed.Tracking, events[0].Order())
		}
	}
	for _, stream := range e.Reserved {
		if _, there := streams[stream]; !there {
			r.foundf("key", Event{Stream: stream}.Order(), "a key is reserved for it, and it is not in the log")
		}
	}
}
