package inflight

import (
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
)

// heed is what a claimer remembers of what others had locked. The process that has a row locked may have fallen
// silent for good, so what needs the row is tried seldom, and apart from all else.
type heed struct {
	rests map[place]rest
	most  int // how many messages the next transaction takes over
	turn  int // moves where the next take-over begins
}

// place is a partition of a topic; or, if returned is set, all that was given back or is a lost node's; or the row of
// a lease.
type place struct {
	topic     string
	partition int
	returned  bool
	row       work.Row
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
	long := min(max(2*h.rests[p].long, shortestRest), longestRest)
	h.rests[p] = rest{end: time.Now().Add(long), long: long}
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

// met notes how a transaction ended that was to take n messages over. After one that met a locked row, half as many
// are taken over at a time, and the next begins with others, so that in the end all are taken over but those
// that are locked.
func (h *heed) met(n int, locked bool) {
	if locked {
		h.locked(place{returned: true})
		h.most, h.turn = max(1, n/2), h.turn+1
		return
	}
	h.free(place{returned: true})
	h.most = min(2*h.most, mostTakenOver)
}

// inTurn gives the messages in the order in which to take them over.
func (h *heed) inTurn(all []Returned) []Returned {
	if len(all) == 0 {
		return nil
	}
	from := h.turn % len(all)
	return slices.Concat(all[from:], all[:from])
}
