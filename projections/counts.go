package projections

import (
	"encoding/json"
	"fmt"
	"maps"

	"orderflow/domain"
)

// counts is how many orders have each status.
type counts map[domain.Status]int64

// move takes an order from one status to another; empty is not being there.
func (c counts) move(from, to domain.Status) {
	if from == to {
		return
	}
	if from != "" {
		c.add(from, -1)
	}
	if to != "" {
		c.add(to, 1)
	}
}

func (c counts) add(s domain.Status, n int64) {
	if c[s] += n; c[s] == 0 {
		delete(c, s)
	}
}

func (c counts) addAll(more counts) {
	for s, n := range more {
		c.add(s, n)
	}
}

func (c counts) clone() counts {
	if c == nil {
		return counts{}
	}
	return maps.Clone(c)
}

// encode writes a JSON object with sorted keys.
func (c counts) encode() string {
	b, _ := json.Marshal(c) // a map of numbers always encodes
	return string(b)
}

// decodeCounts reads what encode wrote; false if it is something else.
func decodeCounts(stored string) (counts, bool) {
	c := counts{}
	if err := json.Unmarshal([]byte(stored), &c); err != nil {
		return nil, false
	}
	return c, true
}

// countsError says that what a checkpoint has for counts cannot be read. It is of kind
// domain.ErrCorrupt; Rebuild mends it.
type countsError struct {
	projection string
	partition  int
	stored     string
}

func (e *countsError) Error() string {
	return fmt.Sprintf("the counts in the checkpoint of %s, partition %d, cannot be read: they are %.100q; \"orderflow projections rebuild\" makes them anew",
		e.projection, e.partition, e.stored)
}

// Is makes it a domain.ErrCorrupt.
func (e *countsError) Is(target error) bool { return target == domain.ErrCorrupt }

func (e *countsError) difference() Difference {
	return Difference{
		Kind: KindUnreadable, Field: fmt.Sprintf("counts of partition %d", e.partition),
		Stored: fmt.Sprintf("%.100s", e.stored), Expected: "how many orders have each status",
	}
}
