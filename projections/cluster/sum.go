package cluster

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"

	"orderflow/domain"
)

// Counts is what happened to orders in some time, as nodes recorded it.
type Counts struct {
	Placed          int64 `json:"placed,omitempty"`
	Completed       int64 `json:"completed,omitempty"`
	Failed          int64 `json:"failed,omitempty"`
	Cancelled       int64 `json:"cancelled,omitempty"`
	Parked          int64 `json:"parked,omitempty"`
	StepCompleted   int64 `json:"steps_completed,omitempty"`
	StepFailed      int64 `json:"steps_failed,omitempty"`
	StepInterrupted int64 `json:"steps_interrupted,omitempty"`
	StepRolledBack  int64 `json:"steps_rolled_back,omitempty"`
	TakenOver       int64 `json:"taken_over,omitempty"` // orders, from nodes that were gone
	NodesLost       int64 `json:"nodes_lost,omitempty"`
}

// Add adds what happened in another time.
func (c *Counts) Add(o Counts) {
	c.Placed += o.Placed
	c.Completed += o.Completed
	c.Failed += o.Failed
	c.Cancelled += o.Cancelled
	c.Parked += o.Parked
	c.StepCompleted += o.StepCompleted
	c.StepFailed += o.StepFailed
	c.StepInterrupted += o.StepInterrupted
	c.StepRolledBack += o.StepRolledBack
	c.TakenOver += o.TakenOver
	c.NodesLost += o.NodesLost
}

// accuracy is by what part a quantile of a sketch may be wrong. mostBins bounds a sketch: with this accuracy the bins
// reach from a millisecond to some days, and what is below falls into the lowest.
const (
	accuracy = 0.02
	mostBins = 512
)

// bins is how all sketches divide seconds.
var bins = mapped()

func mapped() mapping.IndexMapping {
	m, err := mapping.NewLogarithmicMapping(accuracy)
	if err != nil {
		panic(err) // the accuracy is within its bounds
	}
	return m
}

// sketch is a distribution of times, in seconds; nil for none.
type sketch = ddsketch.DDSketch

func newSketch() *sketch {
	return ddsketch.NewDDSketch(bins, store.NewCollapsingLowestDenseStore(mostBins), store.NewCollapsingLowestDenseStore(1))
}

// sketches are distributions by step.
type sketches map[domain.Step]*sketch

// of is the sketch of a step, made at need.
func (s sketches) of(step domain.Step) *sketch {
	if s[step] == nil {
		s[step] = newSketch()
	}
	return s[step]
}

// add adds a time. A negative one is of two nodes' clocks, and counts as none.
func (s sketches) add(step domain.Step, t time.Duration) {
	_ = s.of(step).Add(max(0, t).Seconds()) // fails only for what is no number, or too large for the bins
}

// Sum is what happened in some time: the counts, and how long steps waited and ran.
type Sum struct {
	Counts
	waits, runs sketches
}

func newSum() *Sum { return &Sum{waits: sketches{}, runs: sketches{}} }

func (s *Sum) empty() bool { return s.Counts == Counts{} && len(s.waits)+len(s.runs) == 0 }

// add adds what happened in another time.
func (s *Sum) add(o *Sum) {
	s.Counts.Add(o.Counts)
	for _, p := range []struct{ to, from sketches }{{s.waits, o.waits}, {s.runs, o.runs}} {
		for step, sk := range p.from {
			_ = p.to.of(step).MergeWith(sk) // fails only for other bins
		}
	}
}

// encoded is a Sum as it is stored: with sketches in the library's own binary form, without the bins.
type encoded struct {
	Counts
	Waits map[domain.Step][]byte `json:"waits,omitempty"`
	Runs  map[domain.Step][]byte `json:"runs,omitempty"`
}

func (s *Sum) encode() encoded {
	e := encoded{Counts: s.Counts, Waits: map[domain.Step][]byte{}, Runs: map[domain.Step][]byte{}}
	for _, p := range []struct {
		to   map[domain.Step][]byte
		from sketches
	}{{e.Waits, s.waits}, {e.Runs, s.runs}} {
		for step, sk := range p.from {
			var b []byte
			sk.Encode(&b, true)
			p.to[step] = b
		}
	}
	return e
}

// text is the sum as it is stored.
func (s *Sum) text() string {
	b, err := json.Marshal(s.encode())
	if err != nil {
		panic(err) // it has nothing that JSON has no form for
	}
	return string(b)
}

// addEncoded adds a sum that was stored. What a newer program has added to it is passed over.
func (s *Sum) addEncoded(e encoded) error {
	s.Counts.Add(e.Counts)
	for _, p := range []struct {
		to   sketches
		from map[domain.Step][]byte
	}{{s.waits, e.Waits}, {s.runs, e.Runs}} {
		for step, b := range p.from {
			if err := p.to.of(step).DecodeAndMergeWith(b); err != nil {
				return fmt.Errorf("the sketch of %s: %w", step, err)
			}
		}
	}
	return nil
}

// addText adds a sum that was stored.
func (s *Sum) addText(text string) error {
	var e encoded
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	return s.addEncoded(e)
}

// Spread is how times are spread.
type Spread struct {
	Count         int64
	P50, P95, P99 time.Duration // within 2 %; zero if there were none
}

// Times is how long a step waited, from the event that made it due to the start of its first attempt, and how long its
// attempts ran that ended in success or failure.
type Times struct{ Wait, Run Spread }

// times is how long a step waited and ran.
func (s *Sum) times(step domain.Step) Times {
	return Times{Wait: spread(s.waits[step]), Run: spread(s.runs[step])}
}

func spread(sk *sketch) Spread {
	if sk == nil || sk.IsEmpty() {
		return Spread{}
	}
	at, err := sk.GetValuesAtQuantiles([]float64{0.5, 0.95, 0.99})
	if err != nil {
		return Spread{} // these are quantiles, and it is not empty
	}
	seconds := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)).Round(time.Microsecond) }
	return Spread{Count: int64(sk.GetCount()), P50: seconds(at[0]), P95: seconds(at[1]), P99: seconds(at[2])}
}
