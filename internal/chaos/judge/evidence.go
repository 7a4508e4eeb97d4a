package judge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Call is one call of an executor. Times are nanoseconds of CLOCK_BOOTTIME.
type Call struct {
	Phase   string `json:"phase"`
	Kind    string `json:"kind"`
	Order   string `json:"order"`
	Step    string `json:"step"`
	Attempt int    `json:"attempt"`
	Node    string `json:"node"`
	PID     int    `json:"pid"`
	Key     string `json:"key"`
	Asked   int64  `json:"asked"`
	Began   int64  `json:"began"`
	Until   int64  `json:"until"` // the last moment at which it was at work; 0 if it never came back
	Ended   int64  `json:"ended"`
	Error   string `json:"error"`
}

func (c Call) String() string {
	return fmt.Sprintf("%s of %s, attempt %d by %s (process %d)", c.Kind, c.Step, c.Attempt, c.Node, c.PID)
}

// Incident is something that the harness did, or saw.
type Incident struct {
	At int64 `json:"at"`
	// What is up, stop, cont or gone, of a process; away: the database, for everybody; or cut,
	// delay or silence: of a node's way to it, which excuses nothing and is for who reads this.
	What string `json:"what"`
	Node string `json:"node,omitempty"`
	PID  int    `json:"pid,omitempty"`
	To   int64  `json:"to,omitempty"` // the end of what lasted
	Why  string `json:"why,omitempty"`
}

// Accepted is an answer 202: the order that it named, and the key that it was given for.
type Accepted struct {
	ID       string `json:"id"`
	Tracking string `json:"tracking"`
	Key      string `json:"key,omitempty"` // idempotency key
	At       int64  `json:"at"`
	Poison   bool   `json:"poison,omitempty"` // it may be parked
}

// Evidence is all there is to judge by.
type Evidence struct {
	Accepted  []Accepted
	Calls     []Call
	Incidents []Incident
	Database
}

// ReadLines reads a file of JSON lines. A last line that was cut off is left out.
func ReadLines[T any](path string) ([]T, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the harness names it
	if err != nil {
		return nil, err
	}
	var all []T
	lines := strings.Split(string(text), "\n")
	for i, line := range lines[:len(lines)-1] {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, i+1, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// Pair makes one call of its start line and its end line.
func Pair(lines []Call) []Call {
	type name struct {
		key     string
		pid     int
		attempt int
		asked   int64
	}
	ended := map[name]Call{}
	for _, l := range lines {
		if l.Phase == "end" {
			ended[name{l.Key, l.PID, l.Attempt, l.Asked}] = l
		}
	}
	var calls []Call
	for _, l := range lines {
		if l.Phase != "start" {
			continue
		}
		if end, back := ended[name{l.Key, l.PID, l.Attempt, l.Asked}]; back {
			l = end
		} else {
			l.Began = l.Asked
		}
		calls = append(calls, l)
	}
	slices.SortStableFunc(calls, func(a, b Call) int { return cmp.Compare(a.Asked, b.Asked) })
	return calls
}

// byOrder groups calls, each group in order of time.
func byOrder(calls []Call) map[string][]Call {
	groups := map[string][]Call{}
	for _, c := range calls {
		groups[c.Order] = append(groups[c.Order], c)
	}
	return groups
}
