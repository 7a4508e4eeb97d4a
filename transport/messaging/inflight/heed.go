package inflight

import (
	"maps"
	"slices"
	"time"

	"orderflow/domain/work"
)

const (
	// briefly is how long a transaction waits for a row that another one has locked, on an engine that does not
	// pass over it.
	briefly = 300 * time.Millisecond
	// shortestRest and longestRest bound how long what was locked is left alone. The time doubles
	// as long as it is found locked again.
	shortestRest = time.Second
	longestRest  = 8 * time.Second
	// mostTakenOver is how many messages one transaction takes over.
	mostTakenOver = 25
	// mostLocks is how many locks a round meets that takes messages over, before new messages have their turn again.
	mostLocks = 4
	// forgotten is how long after its rest a place is forgotten that nobody has tried again.
	forgotten = time.Minute
)

// heed is what a claimer remembers of what others had locked. The process that has a row locked may have fallen
// silent for good, so what needs the row is tried seldom, and apart from all else.
type heed struct {
	rests map[place]rest
	most  int // how many messages the next transaction takes over
}

// place is a partition of a topic; or, if returned is set, all that was given back or is a lost node's; or the row of
// a lease; or all that a registration has.
type place struct {
	topic     string
	partition int
	returned  bool
	row       work.Row
	owner     work.Registration
}

func placeOf(x Source) place {
	if x.Returned {
		return place{returned: true}
	}
	return place{topic: x.Topic, partition: x.partition}
}

// rest is the time during which a place is left alone.
type rest struct {
	end  time.Time
	long time.Duration
}

// locked has a place be left alone.
func (h *heed) locked(p place) {
	h.rest(p, min(max(2*h.rests[p].long, shortestRest), longestRest))
}

// rest has a place be left alone for so long.
func (h *heed) rest(p place, long time.Duration) {
	now := time.Now()
	maps.DeleteFunc(h.rests, func(_ place, r rest) bool { return now.Sub(r.end) > forgotten })
	h.rests[p] = rest{end: now.Add(long), long: long}
}

// free forgets that a place was locked.
func (h *heed) free(p place) { delete(h.rests, p) }

// open are the sources that are not left alone just now.
func (h *heed) open(sources []Source) []Source {
	if len(h.rests) == 0 {
		return sources
	}
	now := time.Now()
	return slices.DeleteFunc(sources, func(x Source) bool { return now.Before(h.rests[placeOf(x)].end) })
}

// apart gives the acknowledgements of a round that may be stored together, and those to be stored one by one, since
// their rows were found locked before. One whose row is left alone just now is in neither.
func (h *heed) apart(r Round) (together []Ack, each [][]Ack) {
	now := time.Now()
	for _, a := range r.Acks {
		switch rest, met := h.rests[place{row: a.Lease.Row}]; {
		case !met:
			together = append(together, a)
		case r.Last || !now.Before(rest.end):
			each = append(each, []Ack{a})
		}
	}
	return together, each
}

// rested says whether a message is left alone just now.
func (h *heed) rested(x Returned) bool {
	now := time.Now()
	return now.Before(h.rests[place{row: x.Lease.Row}].end) || x.lost() && now.Before(h.rests[place{owner: x.owner}].end)
}

// met says whether a message was found locked before, or its owner.
func (h *heed) met(x Returned) bool {
	_, row := h.rests[place{row: x.Lease.Row}]
	_, owner := h.rests[place{owner: x.owner}]
	return row || x.lost() && owner
}

// lastMet gives messages in the order in which to take them over: those last that were found locked before.
func (h *heed) lastMet(all []Returned) []Returned {
	met := slices.DeleteFunc(slices.Clone(all), func(x Returned) bool { return !h.met(x) })
	return append(slices.DeleteFunc(slices.Clone(all), h.met), met...)
}

// batch is how many of the messages the next transaction takes over. One that was found locked before is alone.
func (h *heed) batch(all []Returned) int {
	n := slices.IndexFunc(all, h.met)
	if n < 0 {
		n = len(all)
	}
	return max(1, min(n, h.most))
}

// taken notes that a transaction took messages over, or found that they are not to be had: none is locked.
func (h *heed) taken(all []Returned) {
	for _, x := range all {
		h.free(place{row: x.Lease.Row})
		h.free(place{owner: x.owner})
	}
	h.most = min(2*h.most, mostTakenOver)
}
