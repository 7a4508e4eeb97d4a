package rows

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"orderflow/domain"
)

// Counts is how many orders have each status.
type Counts map[domain.Status]int64

// Move takes an order from one status to another. An empty status stands for no order.
func (c Counts) Move(from, to domain.Status) {
	if from == to {
		return
	}
	if from != "" {
		c.Add(from, -1)
	}
	if to != "" {
		c.Add(to, 1)
	}
}

// Add counts n orders more.
func (c Counts) Add(s domain.Status, n int64) {
	if c[s] += n; c[s] == 0 {
		delete(c, s)
	}
}

// AddAll counts as many orders more.
func (c Counts) AddAll(more Counts) {
	for s, n := range more {
		c.Add(s, n)
	}
}

func (c Counts) clone() Counts {
	if c == nil {
		return Counts{}
	}
	return maps.Clone(c)
}

// Encode writes a JSON object with sorted keys.
func (c Counts) Encode() string {
	b, _ := json.Marshal(c) // a map of numbers always encodes
	return string(b)
}

// blanks bounds those in front of counts.
const blanks = 8

// encodeAnew is Encode in a text other than the stored one: where the counts are the same, with other blanks in
// front. So whoever goes on only from the text that he knows finds that it was written anew.
func (c Counts) encodeAnew(stored string) string {
	text := c.Encode()
	if before, same := strings.CutSuffix(stored, text); same {
		text = strings.Repeat(" ", (len(before)+1)%blanks) + text
	}
	return text
}

// DecodeCounts reads what Encode wrote into the checkpoint of a partition, also with blanks in front. For any other
// text it gives an error and no counts.
func DecodeCounts(projection string, partition int, stored string) (Counts, *CountsError) {
	c := Counts{}
	if err := json.Unmarshal([]byte(stored), &c); err != nil {
		return nil, &CountsError{Projection: projection, Partition: partition, Stored: stored}
	}
	return c, nil
}

// CountsError says that the counts of a checkpoint cannot be read. It is of kind domain.ErrCorrupt. A
// rebuild mends it.
type CountsError struct {
	Projection string
	Partition  int
	Stored     string
}

func (e *CountsError) Error() string {
	return fmt.Sprintf("the counts in the checkpoint of %s, partition %d, cannot be read: they are %.100q; \"orderflow projections rebuild\" makes them anew",
		e.Projection, e.Partition, e.Stored)
}

// Is makes it a domain.ErrCorrupt.
func (e *CountsError) Is(target error) bool { return target == domain.ErrCorrupt }
