package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
)

// Config says what is measured, and with what.
type Config struct {
	// Start starts a node in this process, Spawn one as a process of its own. Required.
	Start func(context.Context, NodeConfig) (*Node, error)
	Spawn func(context.Context, NodeConfig) (*Process, error)
	// Server is a SQL Server on which databases are made and dropped; empty: SQLite files.
	Server string
	// Dir is where SQLite files are made, in a folder of their own that is removed.
	Dir string
	// Store is a SQLite file of stored orders that is kept, made if it is not there and added to
	// if it has fewer.
	Store string

	Only         []string      // some of Measures; all if empty
	Orders       int           // of one run of a measure
	WarmUp       int           // orders before those that are measured
	SeedOrders   int           // stored orders to generate
	Repeat       int           // runs of a measure
	Clients      int           // concurrent callers
	Workers      int           // of each node
	HTTP         bool          // orders are placed over HTTP, not by calling the placer
	Rate         float64       // orders a second at light load
	LightOrders  int           // orders at light load
	StepDuration time.Duration // of steps that wait
	Rounds       int           // how many such steps of every worker are watched
	Nodes        []int         // how many nodes there are, one point of the curve after the other
	Earlier      []Report      // whose points of the curve are not measured again
	Window       time.Duration // how long idling is watched
	Soak         time.Duration // how long a node is kept under steady load
	SoakRate     float64       // with so many orders a second
	// Progress is told what is going on.
	Progress func(format string, args ...any)
}

// measure is one of the things that can be measured.
type measure struct {
	name string
	run  func(*run, context.Context, *Section) error
}

var measures = []measure{
	{"throughput", (*run).throughput},
	{"latency", (*run).latency},
	{"api", (*run).api},
	{"projection", (*run).projection},
	{"scale", (*run).scale},
	{"stored", (*run).stored},
	{"idle", (*run).idle},
	{"soak", (*run).soak},
}

// Measures are the names of what can be measured, in the order in which it is.
func Measures() []string {
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	return names
}

// Report is all that was measured.
type Report struct {
	Machine  Machine   `json:"machine"`
	Sections []Section `json:"sections"`
}

// run is one run of the benchmark.
type run struct {
	Config
	scratch  *scratch
	database string // Machine.Database
}

// Run measures. What it reports is whole up to the measure that failed, if one did.
func Run(ctx context.Context, c Config) (report Report, err error) {
	for _, name := range c.Only {
		if !slices.Contains(Measures(), name) {
			return report, fmt.Errorf("%w: there is no measure %q: give some of %v", domain.ErrInvalid, name, Measures())
		}
	}
	report.Sections = []Section{}
	if c.Progress == nil {
		c.Progress = func(string, ...any) {}
	}
	r := &run{Config: c}
	if r.scratch, err = newScratch(ctx, c.Server, c.Dir); err != nil {
		return report, err
	}
	defer func() {
		if rerr := r.scratch.remove(); err == nil {
			err = rerr
		}
	}()
	if report.Machine, err = r.machine(ctx); err != nil {
		return report, err
	}
	r.database = report.Machine.Database
	if (r.wanted("stored") || r.wanted("soak")) && exists(c.Store) { // said now, and not after all other measures
		if err := r.madeHere(ctx, c.Store); err != nil {
			return report, err
		}
	}
	for _, m := range measures {
		if !r.wanted(m.name) {
			continue
		}
		s := Section{Measure: m.name}
		begun := time.Now()
		if err := m.run(r, ctx, &s); err != nil {
			return report, fmt.Errorf("measure %s: %w", m.name, err)
		}
		s.Took = time.Since(begun)
		report.Sections = append(report.Sections, s)
	}
	return report, nil
}

func (r *run) wanted(measure string) bool {
	return len(r.Only) == 0 || slices.Contains(r.Only, measure)
}
