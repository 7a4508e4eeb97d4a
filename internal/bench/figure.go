package bench

import (
	"math"
	"slices"
	"time"
)

// Goal is what a figure should be.
type Goal struct {
	AtMost  bool    `json:"at_most"` // otherwise at least
	Value   float64 `json:"value"`
	OfFloor bool    `json:"of_floor"` // the share of the floor is meant
}

// Figure is one thing that was measured.
type Figure struct {
	Name    string    `json:"name"`
	Unit    string    `json:"unit"`
	Value   float64   `json:"value"` // the median of Samples
	Samples []float64 `json:"samples"`
	// OfFloor is Value as a share of the floor's; 0 if it has none.
	OfFloor float64 `json:"of_floor,omitempty"`
	Goal    *Goal   `json:"goal,omitempty"`
}

// Met says whether a figure is what it should be.
func (f Figure) Met() bool {
	if f.Goal == nil {
		return true
	}
	v := f.Value
	if f.Goal.OfFloor {
		v = f.OfFloor
	}
	if f.Goal.AtMost {
		return v <= f.Goal.Value
	}
	return v >= f.Goal.Value
}

// Figures are what was measured, in the order in which it was.
type Figures []Figure

// add adds a sample to the figure of that name, which it makes if need be.
func (fs *Figures) add(name, unit string, value float64) {
	f := fs.figure(name)
	if f == nil {
		*fs = append(*fs, Figure{Name: name, Unit: unit})
		f = &(*fs)[len(*fs)-1]
	}
	f.Samples = append(f.Samples, value)
	f.Value = median(f.Samples)
}

// addTimes adds the median and the 99th percentile of durations, in milliseconds.
func (fs *Figures) addTimes(name string, all []time.Duration) {
	fs.add(name+", p50", "ms", milliseconds(percentile(all, 50)))
	fs.add(name+", p99", "ms", milliseconds(percentile(all, 99)))
}

func (fs *Figures) figure(name string) *Figure {
	i := slices.IndexFunc(*fs, func(f Figure) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &(*fs)[i]
}

// compare says what share of the floor's figure a figure is.
func (fs *Figures) compare(name, floor string) {
	f, of := fs.figure(name), fs.figure(floor)
	if f != nil && of != nil && of.Value != 0 {
		f.OfFloor = f.Value / of.Value
	}
}

// compareAs makes a figure of one figure's share of another.
func (fs *Figures) compareAs(name, of, to string) {
	f, by := fs.figure(of), fs.figure(to)
	if f != nil && by != nil && by.Value != 0 {
		fs.add(name, "", f.Value/by.Value)
	}
}

func (fs *Figures) goal(name string, g Goal) {
	if f := fs.figure(name); f != nil {
		f.Goal = &g
	}
}

// median is the middle of the samples, or the mean of the two in the middle; 0 of none.
func median(samples []float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(samples))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// percentile is the smallest duration that p of a hundred do not exceed; 0 of none.
func percentile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
