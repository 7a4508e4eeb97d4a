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

func decodeCounts(stored string) (counts, error) {
	c := counts{}
	if err := json.Unmarshal([]byte(stored), &c); err != nil {
		return nil, fmt.Errorf("%w: stored counts %q: %s", domain.ErrCorrupt, stored, err)
	}
	return c, nil
}
